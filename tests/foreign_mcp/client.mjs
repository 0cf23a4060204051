// The journey of the official TypeScript clients: `node client.mjs PACKAGE REFRESH URL CALLS [TOKEN]`.
//
// PACKAGE is `sdk` (the previous major version) or `client` (the current one). It connects to the
// MCP server at the URL, lists its tools and makes the calls, a JSON array of `[tool, arguments]`. It
// begins without a token, or with TOKEN. REFRESH is `keep` or `forget`: whether the host keeps refresh tokens, which the
// previous major version uses instead of asking for more scopes. The client is unmodified; the part of its host is to open the browser, here a
// GET that reads the redirect of the authorization server, and to try again with the code. The last
// line of the output is a report as JSON.

import { readFileSync } from "node:fs";

const [name, refresh, url, calls, token] = process.argv.slice(2);
// Nobody listens here; the redirect is read instead of followed.
const CALLBACK = "http://127.0.0.1:1/callback";

const modules = {
  sdk: async () => ({
    ...(await import("@modelcontextprotocol/sdk/client/index.js")),
    ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
    ...(await import("@modelcontextprotocol/sdk/client/auth.js")),
  }),
  client: () => import("@modelcontextprotocol/client"),
};
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await modules[name]();

/** What a host keeps for the client, and the user's browser. */
class Provider {
  redirectUrl = CALLBACK;
  clientMetadata = {
    client_name: "Journey",
    redirect_uris: [CALLBACK],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  redirects = [];
  granted = token && { access_token: token, token_type: "Bearer" };
  clientInformation = () => this.information;
  saveClientInformation = (information) => void (this.information = information);
  tokens = () => this.granted;
  saveTokens = ({ refresh_token, ...tokens }) =>
    void (this.granted = refresh === "keep" ? { ...tokens, refresh_token } : tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  discoveryState = () => this.discovered;
  saveDiscoveryState = (state) => void (this.discovered = state);

  async redirectToAuthorization(address) {
    const answer = await fetch(address, { redirect: "manual" });
    this.redirects.push(new URL(answer.headers.get("location")).searchParams);
  }
}

const provider = new Provider();
let transport;

/** Do something; where the user had to authorize first, finish that and do it again. */
async function authorized(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const query = provider.redirects.at(-1);
    await transport.finishAuth(name === "sdk" ? query.get("code") : query);
    return await action();
  }
}

async function connect() {
  const options = name === "sdk" ? {} : { versionNegotiation: { mode: "auto" } };
  const client = new Client({ name: "journey", version: "1.0.0" }, options);
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
  return client;
}

async function call(client, tool, args) {
  try {
    const result = await authorized(() => client.callTool({ name: tool, arguments: args }));
    return { is_error: result.isError, text: result.content.map((item) => item.text).join("") };
  } catch (error) {
    return { raised: error.constructor.name, message: error.message };
  }
}

const client = await authorized(connect);
const tools = (await client.listTools()).tools.map((tool) => tool.name);
const results = [];
for (const [tool, args] of JSON.parse(calls)) results.push(await call(client, tool, args));
const folder = new URL(`node_modules/@modelcontextprotocol/${name}/`, import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("package.json", folder), "utf-8"));
const scope = provider.granted.scope;
console.log(JSON.stringify({
  version, protocol_version: transport.protocolVersion, tools, results,
  redirects: provider.redirects.length, scope,
}));
await client.close();
