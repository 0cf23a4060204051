"use strict";

// Everything that is shown is set as text, so nothing of an answer is ever markup.

const found = (id) => document.getElementById(id);
const form = found("call");
const buttons = [...form.querySelectorAll("button")];

let latest = 0;

async function call(button) {
  const number = ++latest;
  const path = new FormData(form).get("path");
  for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
  found("answer").setAttribute("aria-busy", "true");
  let show;
  try {
    const token = await tokenOf(button.dataset.token);
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    const answer = await fetch(path, { headers, cache: "no-store", credentials: "omit" });
    const body = await answer.text();
    const walk = await asked("/console/walk", { path }, headers);
    show = () => showAnswer(path, button.textContent, answer, body, walk);
  } catch (error) {
    show = () => showProblem(error);
  }
  // A call that was overtaken by another one says nothing.
  if (number !== latest) return;
  show();
  found("answer").removeAttribute("aria-busy");
  bringIntoSight(found("answer"));
}

// On a phone the answer is below the buttons; where it can be seen, nothing moves.
function bringIntoSight(answer) {
  if (answer.getBoundingClientRect().top < innerHeight / 2) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  answer.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

async function tokenOf(kind) {
  if (kind === "none") return null;
  if (kind === "pasted") return pasted();
  return (await asked("/console/token", { kind })).token;
}

function pasted() {
  const token = found("pasted").value.trim().replace(/^bearer\s+/i, "");
  if (token === "") throw new Error("Paste a token into the field first.");
  if (/[^\x20-\x7e]/.test(token)) throw new Error("This text cannot be sent: a token is one line of ASCII.");
  return token;
}

async function asked(url, what, headers = {}) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(what),
    credentials: "omit",
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.message);
  return said;
}

function reveal(answered) {
  found("waiting").hidden = answered;
  found("verdict").hidden = found("said").hidden = !answered;
}

function showProblem(error) {
  reveal(false);
  // What fetch itself throws is a TypeError: nobody answered.
  found("waiting").textContent =
    error instanceof TypeError ? "Nobody answered. Is the demo still running?" : error.message;
  mark([], null);
}

function showAnswer(path, sent, answer, body, walk) {
  reveal(true);
  found("request").textContent = `GET ${path}`;
  found("with").textContent = `· ${sent.toLowerCase()}`;
  found("status").textContent = `${answer.status} ${answer.statusText}`.trim();
  found("status").className = answer.ok ? "status good" : "status bad";
  found("challenge").textContent = answer.headers.get("WWW-Authenticate") ?? "none";
  found("body").textContent = pretty(body);
  const failed = walk.steps.find((step) => step.passed === false);
  found("summary").textContent = failed
    ? `${failed.layer} refused it: ${walk.reason}.`
    : "All three layers let it pass.";
  found("walk").replaceChildren(...groups(walk.steps));
  mark(walk.steps, answer.ok);
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function groups(steps) {
  const layers = [...new Set(steps.map((step) => step.layer))];
  return layers.flatMap((layer) => {
    const list = element("ol", "", ...steps.filter((step) => step.layer === layer).map(line));
    list.setAttribute("aria-label", layer);
    return [element("h4", "", layer), list];
  });
}

function line(step) {
  const [state, sign, word] = {
    true: ["passed", "✓", "passed"],
    false: ["failed", "✗", "failed"],
    null: ["unmade", "–", "not made"],
  }[step.passed];
  const mark = element("span", "mark", sign);
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", word);
  return element("li", state, mark, element("span", "name", step.name), element("span", "detail", detail(step)));
}

function detail({ name, passed, expected, found }) {
  if (passed === null) return found ?? "";
  const asks = passed ? expected : expected && `expected ${expected}`;
  // What was found says enough of a check that passed; of a rule, both sides are of interest.
  const parts = passed && found && name !== "rule" ? [found] : passed ? [asks, found] : [found, asks];
  return dated(name, parts.filter(Boolean).join(" · "));
}

function dated(name, text) {
  if (!["expiry", "not before", "age"].includes(name)) return text;
  const written = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  return text.replace(/\b\d{9,11}(\.\d+)?\b/g, (seconds) => `${written(seconds)} UTC`);
}

function mark(steps, reached) {
  for (const box of document.querySelectorAll(".pipeline li")) {
    const own = steps.filter((step) => step.layer === box.dataset.layer);
    const failed = own.some((step) => step.passed === false);
    const passed = box.dataset.layer === "application" ? reached === true : own.some((step) => step.passed);
    box.className = failed ? "failed" : passed ? "passed" : "";
  }
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

for (const button of buttons) button.addEventListener("click", () => call(button));
form.addEventListener("submit", (event) => event.preventDefault());
