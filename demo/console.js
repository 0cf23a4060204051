"use strict";

// Everything is shown as text, so that no part of an answer can become markup.

const byId = (id) => document.getElementById(id);
const form = byId("call");
const buttons = [...form.querySelectorAll("button")];
// The texts that the copy buttons copy.
const copies = { curl: "", token: "", claims: "" };

// Seconds. JavaScript has no later date.
const MAX_DATE = 8.64e12;

let latestCall = 0;

async function call(button) {
  const thisCall = ++latestCall;
  const path = new FormData(form).get("path");
  for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  byId("answer").setAttribute("aria-busy", "true");
  let show;
  try {
    const kind = button.dataset.token;
    const exchange = await (pageKey === null ? callAsBearer(path, kind) : callBound(path, kind, pageKey));
    const last = exchange.at(-1);
    show = () => {
      showAnswer(path, button.textContent, last);
      showExchange(exchange);
      showProof(last.headers.DPoP);
      showToken(path, last);
    };
  } catch (error) {
    show = () => showProblem(error);
  }
  // The answer of a call is dropped if the user has made another call since.
  if (thisCall !== latestCall) return;
  show();
  byId("answer").removeAttribute("aria-busy");
  scrollIntoView(byId("answer"));
}

async function callAsBearer(path, kind) {
  const token = await tokenOf(kind);
  return [await send(path, token, token === null ? {} : { Authorization: `Bearer ${token}` })];
}

async function send(path, token, headers) {
  // The call uses up the proof, so the explanation comes first.
  const explanation = await post("/console/explanation", { path }, headers);
  const response = await fetch(path, { headers, cache: "no-store", credentials: "omit" });
  nonce = response.headers.get("DPoP-Nonce") ?? nonce;
  return { token, headers, explanation, response, body: await response.text() };
}

// On a phone the answer is below the buttons. Where the answer is visible, nothing moves.
function scrollIntoView(answer) {
  if (answer.getBoundingClientRect().top < innerHeight / 2) return;
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
  answer.scrollIntoView({ block: "start", behavior: reducedMotion ? "auto" : "smooth" });
}

async function tokenOf(kind, jkt) {
  if (kind === "none") return null;
  if (kind === "pasted") return pastedToken();
  return (await post("/console/token", { kind, jkt })).token;
}

function pastedToken() {
  const token = byId("pasted").value.trim().replace(/^(bearer|dpop)\s+/i, "");
  if (token === "") throw new Error("Paste a token into the field first.");
  if (/[^\x20-\x7e]/.test(token)) throw new Error("This text cannot be sent: a token is one line of ASCII characters.");
  return token;
}

async function post(url, question, headers = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(question),
    credentials: "omit",
  });
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.message);
  return reply;
}

function reveal(hasAnswer) {
  byId("waiting").hidden = hasAnswer;
  byId("verdict").hidden = !hasAnswer;
  byId("details").hidden = !hasAnswer;
}

function showProblem(error) {
  reveal(false);
  // fetch throws a TypeError if the server does not answer.
  byId("waiting").textContent =
    error instanceof TypeError ? "The demo does not answer. Is it still running?" : error.message;
  markPipeline([], false);
}

function showAnswer(path, buttonText, { token, response, body, explanation }) {
  reveal(true);
  byId("request").textContent = `GET ${path}`;
  byId("with").textContent = `· ${buttonText.toLowerCase()}`;
  byId("status").textContent = `${response.status} ${response.statusText}`.trim();
  byId("status").className = response.ok ? "status good" : "status bad";
  byId("challenge").textContent = challenges(response).join("\n") || "none";
  byId("body").textContent = formatBody(body);
  byId("summary").textContent = summarize(explanation, token !== null);
  byId("checks").replaceChildren(...checksByLayer(explanation.steps));
  markPipeline(explanation.steps, response.ok);
}

// The browser joins the headers of several schemes with commas.
function challenges(response) {
  return (response.headers.get("WWW-Authenticate") ?? "").split(/, (?=\w+ realm=)/);
}

function summarize({ steps, reason }, hasToken) {
  const failed = steps.find((step) => step.passed === false);
  if (failed !== undefined) return `${failed.layer} refused the request: ${reason}.`;
  if (isVerified(steps)) return "All three layers accepted the request.";
  if (hasToken) return "The rule asks for no token, so the request passed, and its token was not checked.";
  return "The rule asks for no token, so the request passed without one.";
}

function isVerified(steps) {
  return steps.some((step) => step.layer === "TokenVerifier" && step.passed);
}

function formatBody(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function checksByLayer(steps) {
  const layers = [...new Set(steps.map((step) => step.layer))];
  return layers.flatMap((layer) => {
    const items = steps.filter((step) => step.layer === layer).map(checkItem);
    const list = element("ol", "", ...items);
    list.setAttribute("aria-label", layer);
    return [element("h4", "", layer), list];
  });
}

function checkItem(step) {
  const [className, symbol, label] = {
    true: ["passed", "✓", "passed"],
    false: ["failed", "✗", "failed"],
    null: ["skipped", "–", "not made"],
  }[step.passed];
  const mark = element("span", "mark", symbol);
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", label);
  const name = element("span", "name", step.name);
  return element("li", className, mark, name, element("span", "detail", formatDates(step.name, detail(step))));
}

function detail({ name, passed, expected, found }) {
  if (passed === null) return found ?? "";
  if (passed === false) return join(found, expected && `expected ${expected}`);
  // The value alone explains a check that passed. A rule needs both sides.
  if (found && name !== "rule") return found;
  return join(expected, found);
}

function join(...parts) {
  return parts.filter(Boolean).join(" · ");
}

function formatDates(name, text) {
  if (!["expiry", "not before", "age"].includes(name)) return text;
  return text.replace(/\b\d{9,11}(\.\d+)?\b/g, formatDate);
}

function formatDate(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 19).replace("T", " ")} UTC`;
}

// The state of a layer, and the words for it.
const STATES = { passed: "✓ passed", failed: "✗ refused", skipped: "– not checked", "": "" };

function markPipeline(steps, isAnswered) {
  for (const box of document.querySelectorAll(".pipeline li")) {
    const state = pipelineState(box.dataset.layer, steps, isAnswered);
    box.className = state;
    box.querySelector("em").textContent = STATES[state];
  }
}

function pipelineState(layer, steps, isAnswered) {
  if (layer === "application") return isAnswered ? "passed" : "";
  const ofLayer = steps.filter((step) => step.layer === layer);
  if (ofLayer.some((step) => step.passed === false)) return "failed";
  if (ofLayer.some((step) => step.passed)) return "passed";
  return isAnswered ? "skipped" : "";
}

// The token: decoded here, and not verified. Only the layers verify.

function showToken(path, { token, headers }) {
  const start = `curl -i ${quote(location.origin + path)}`;
  const header = (name, value) => ` -H ${quote(`${name}: ${value}`)}`;
  const lines = Object.entries(headers);
  copies.curl = start + lines.map(([name, value]) => header(name, value)).join("");
  // The page shows the beginning of the token and of the proof only; the button copies all of it.
  byId("curl").textContent = start + lines.map(([name, value]) => header(name, beginning(value))).join("");
  byId("curl-note").hidden = headers.DPoP === undefined;
  byId("token").hidden = token === null;
  byId("copied").textContent = "";
  if (token !== null) showClaims(token);
}

function beginning(value) {
  const [, scheme, credential] = value.match(/^((?:Bearer |DPoP )?)(.*)$/s);
  return `${scheme}${credential.slice(0, 8)}…`;
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function showClaims(token) {
  copies.token = token;
  const claims = decodePart(token, 1);
  copies.claims = claims === null ? "" : JSON.stringify(claims, null, 2);
  document.querySelector("[data-copy=claims]").hidden = claims === null;
  byId("token-note").textContent = claims === null
    ? "This text is not a JWT with claims."
    : "Anyone can read these claims. Decoding them verifies nothing.";
  byId("claims").replaceChildren(...Object.entries(claims ?? {}).flatMap(claimRow));
}

function claimRow([name, value]) {
  const row = [element("code", "", JSON.stringify(value))];
  const isDate = ["exp", "nbf", "iat", "auth_time", "updated_at"].includes(name);
  if (isDate && Number.isFinite(value) && Math.abs(value) < MAX_DATE) row.push(" ", element("span", "detail", formatDate(value)));
  return [element("dt", "", element("code", "", name)), element("dd", "", ...row)];
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(copies[button.dataset.copy]);
    byId("copied").textContent = `Copied: ${button.dataset.copy}.`;
  } catch {
    byId("copied").textContent = "The browser does not allow this page to copy.";
  }
}

async function showMetadata() {
  const address = byId("metadata-link").getAttribute("href");
  try {
    const response = await fetch(address, { cache: "no-store", credentials: "omit" });
    const metadata = await response.json();
    byId("resource").textContent = metadata.resource;
    byId("metadata").textContent = JSON.stringify(metadata, null, 2);
  } catch {
    byId("metadata").textContent = "The metadata cannot be read.";
  }
}

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

for (const button of buttons) button.addEventListener("click", () => call(button));
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button));
}
byId("bind").addEventListener("change", switchBinding);
form.addEventListener("submit", (event) => event.preventDefault());
showMetadata();
