// Proofs made by oauth4webapi, as a client that calls an API makes them.
//
// Each line of the input is a request in JSON: algorithm, method, url, token and nonce (or null).
// The answer is a line with the thumbprint of the algorithm's key and the proof, or with an error.
// A request without a method asks for the thumbprint alone.
import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";
import * as oauth from "oauth4webapi";

globalThis.crypto ??= webcrypto; // Node 18

const client = { client_id: "client-1" };
const keyPairs = new Map();

async function keyPairOf(algorithm) {
  if (!keyPairs.has(algorithm)) keyPairs.set(algorithm, await oauth.generateKeyPair(algorithm));
  return keyPairs.get(algorithm);
}

// Call the API, which takes the proof and sends no answer over a network.
async function proofOf(DPoP, { method, url, token, nonce }) {
  const proofs = [];
  const answers = [new Response("")];
  if (nonce !== null) {
    const headers = { "WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": nonce };
    answers.unshift(new Response("", { status: 401, headers }));
  }
  const options = {
    DPoP,
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: async (_, { headers }) => {
      proofs.push(headers.dpop);
      return answers.shift();
    },
  };
  const call = () =>
    oauth.protectedResourceRequest(token, method, new URL(url), undefined, undefined, options);
  await call().catch((error) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return call();
  });
  return proofs.at(-1);
}

async function answer(request) {
  const DPoP = oauth.DPoP(client, await keyPairOf(request.algorithm));
  const thumbprint = await DPoP.calculateThumbprint();
  if (!request.method) return { thumbprint };
  return { thumbprint, proof: await proofOf(DPoP, request) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await answer(JSON.parse(line)).catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(result));
}
