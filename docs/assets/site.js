"use strict";

// Characters of code in a table.
const LONG_WORD = 28;

// Material's copy button copies the attribute data-copy of a block if it has one.
for (const code of document.querySelectorAll(".language-console code")) {
  code.dataset.copy = commands(code.textContent);
}

// On a phone, the rows of a table are stacked, and each cell shows the title of its column.
for (const table of document.querySelectorAll("article table")) {
  const titles = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
  for (const row of table.querySelectorAll("tbody tr")) {
    [...row.cells].forEach((cell, column) => labelCell(cell, titles[column]));
  }
}

// Code in tables is broken only between its words.
for (const code of document.querySelectorAll("article table code")) {
  if (code.childElementCount === 0) code.replaceChildren(...wholeWords(code.textContent));
}

// The commands alone: without prompts, output and comments.
function commands(text) {
  const lines = text.trimEnd().split("\n");
  const hasPrompts = lines.some((line) => line.startsWith("$ "));
  const kept = [];
  let continues = false;
  for (const line of lines) {
    if (hasPrompts && !continues && !line.startsWith("$ ")) continue;
    kept.push(continues ? line : line.replace(/^\$ /, "").replace(/\s{2,}# .*$/, ""));
    continues = line.endsWith("\\");
  }
  return kept.join("\n");
}

function labelCell(cell, title) {
  if (title) cell.dataset.label = title;
}

function wholeWords(text) {
  return text.split(/(\s+)/).flatMap((part) => (part.trim() ? partsOfWord(part) : part));
}

// A word that is longer than a narrow column may also be broken after its punctuation.
function partsOfWord(text) {
  const parts = text.length > LONG_WORD ? text.split(/(?<=::|[/_.,=])(?=\w)/) : [text];
  return parts.flatMap((part) => [wholeWord(part), document.createElement("wbr")]).slice(0, -1);
}

function wholeWord(text) {
  const word = document.createElement("span");
  word.className = "whole-word";
  word.textContent = text;
  return word;
}
