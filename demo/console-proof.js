"use strict";

// Keys and proofs of possession (DPoP, RFC 9449). No script can read the private key of a page.

// What a thief can try with a bound token: the kind of token for each.
const THEFTS = { "as-bearer": "good", "other-key": "good", replayed: "good" };

// The key of this page, null as long as tokens are not bound, and the last nonce of the API.
let pageKey = null;
let nonce;

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function newKey() {
  if (crypto.subtle === undefined) throw new Error("This browser makes no keys for this page.");
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
  const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const jwk = { crv, kty, x, y };
  // RFC 7638: the members in the order of the alphabet.
  return { privateKey, jwk, thumbprint: await hash(JSON.stringify(jwk)) };
}

async function makeProof(key, path, token, nonce) {
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: key.jwk };
  const claims = {
    jti: crypto.randomUUID(),
    htm: "GET",
    htu: location.origin + path,
    iat: Math.floor(Date.now() / 1000),
    ath: await hash(token),
    nonce,
  };
  const input = [header, claims].map((part) => encode(octets(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign(ECDSA, key.privateKey, octets(input));
  return `${input}.${encode(signature)}`;
}

async function hash(text) {
  return encode(await crypto.subtle.digest("SHA-256", octets(text)));
}

function octets(text) {
  return new TextEncoder().encode(text);
}

function encode(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// An object of a JWT: 0 is the header, 1 the claims. null if there is none.
function decodePart(token, index) {
  try {
    const part = token.split(".")[index].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

// Calls with a bound token.

async function switchBinding() {
  const { checked } = byId("bind");
  let key = null;
  let text = "";
  try {
    if (checked) key = await newKey();
    if (key !== null) text = `The page has made a key. Its thumbprint: ${key.thumbprint}`;
  } catch (error) {
    byId("bind").checked = false;
    text = error.message;
  }
  // The user may have turned the switch again in the meantime.
  if (byId("bind").checked !== (key !== null)) return;
  pageKey = key;
  nonce = undefined;
  byId("key").textContent = text;
  byId("thefts").hidden = key === null;
}

async function callBound(path, kind, ownKey) {
  const key = kind === "other-key" ? await newKey() : ownKey;
  const token = await tokenOf(THEFTS[kind] ?? kind, ownKey.thumbprint);
  if (token === null) return [await send(path, null, {})];
  if (kind === "as-bearer") return [await send(path, token, { Authorization: `Bearer ${token}` })];
  const exchange = [await sendWithProof(path, token, key)];
  // RFC 9449 §9: the API wants a nonce, and has sent one.
  if (exchange[0].explanation.reason === "proof_nonce_required") {
    exchange.push(await sendWithProof(path, token, key));
  }
  if (kind === "replayed") exchange.push(await send(path, token, exchange.at(-1).headers));
  return exchange;
}

async function sendWithProof(path, token, key) {
  const DPoP = await makeProof(key, path, token, nonce);
  return send(path, token, { Authorization: `DPoP ${token}`, DPoP });
}

// The exchange: each request with a proof, and its answer.

function showExchange(exchange) {
  byId("exchange").hidden = exchange[0].headers.DPoP === undefined;
  byId("requests").replaceChildren(...exchange.map((request, at) => exchangeItem(request, exchange[at - 1])));
}

function exchangeItem({ headers, response, explanation }, before) {
  const status = `${response.status} ${response.statusText}`.trim();
  const outcome = explanation.reason === null ? `${status}.` : `${status}, ${explanation.reason}.`;
  const sent = proofInWords(headers.DPoP, headers.DPoP === before?.headers.DPoP);
  const item = element("li", "", element("b", response.ok ? "good" : "bad", outcome), ` ${sent}`);
  const received = response.headers.get("DPoP-Nonce");
  if (received !== null) item.append(" The answer brings the nonce ", element("code", "", received), ".");
  return item;
}

function proofInWords(proof, isRepeated) {
  if (proof === undefined) return "";
  if (isRepeated) return "The request had the same proof again.";
  const hasNonce = decodePart(proof, 1).nonce !== undefined;
  return hasNonce ? "The proof had the last nonce." : "The proof had no nonce.";
}

function showProof(proof) {
  byId("proof").hidden = proof === undefined;
  if (proof === undefined) return;
  // The signature is left out: together with it, others could send the proof.
  const rows = { ...decodePart(proof, 0), ...decodePart(proof, 1) };
  byId("proof-claims").replaceChildren(...Object.entries(rows).flatMap(claimRow));
}
