// One turn of a conversation: the question, the answer with its marks, its sources, and what was wrong with it.

import { fill, h, name, webAddress, webLink } from "./dom.js";
import { hidePreview, showPreview } from "./preview.js";

/** Return the elements of a turn. `tools` opens documents and the like; `last` says whether follow-ups are offered. */
export function turnView(turn, tools, last) {
  const said = h("div", { class: "answer" });
  const article = h("article", { class: "turn", "aria-label": "Question and answer" },
    h("div", { class: "question" }, h("h2", {}, turn.question), turn.where ? h("code", { class: "where" }, turn.where) : null), said);
  if (turn.error) fill(said, problem("The question was not answered.", turn.error, "bad"), again(turn, tools));
  else if (turn.answer) finished(said, turn, tools, last);
  else fill(said, h("p", { class: "soft" }, "Not finished."), again(turn, tools));
  if (turn.answer || turn.error) article.setAttribute("data-done", "");
  return article;
}

const again = (turn, tools) =>
  h("p", {}, h("button", { type: "button", class: "quiet", onclick: () => tools.ask(turn.question) }, "Ask again"));

/** What is shown while the answer is made: sentences as they come, marks not yet to be opened. */
export function streaming(said, text, note) {
  fill(said, text ? h("p", { class: "text" }, text) : null, h("p", { class: "soft working" }, note));
}

function finished(said, turn, tools, last) {
  const { answer } = turn;
  const body = answer.abstained ? abstention(answer) : h("p", { class: "text" }, marked(answer, turn, tools));
  fill(said, warnings(answer), body, sources(turn, tools), footer(turn, tools), last ? followUps(turn, tools) : null);
}

const problem = (title, text, kind) => h("div", { class: `note ${kind}` }, h("strong", {}, title), text ? ` ${sentence(text)}` : "");

/** Reasons are told without a capital letter and a full stop, as errors are. */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]\s*$/.test(text) ? "" : ".");

function warnings(answer) {
  const wrong = (answer.sentences ?? []).filter((each) => each.verdict === "unsupported");
  const found = [];
  if (answer.degraded) found.push(problem("Quotes only: the language model failed.", answer.reason, "warn"));
  if (answer.incomplete) found.push(problem("The answer was cut off.", answer.degraded ? "" : answer.reason, "warn"));
  if (wrong.length && !answer.abstained) {
    const text = `${wrong.length} ${wrong.length === 1 ? "sentence is" : "sentences are"} not supported by the documents; do not rely on what is marked.`;
    found.push(problem("Unsupported.", text, "warn"));
  }
  for (const note of answer.notes ?? []) found.push(h("p", { class: "soft" }, note));
  return found;
}

function abstention(answer) {
  const nearest = (answer.passages ?? []).length ? " The nearest passages are below; judge for yourself." : "";
  return problem("The documents do not answer this.", `${answer.reason ? sentence(answer.reason) : ""}${nearest}`.trim(), "none");
}

/** The answer's text: `[n]` of a citation is a button, `[unsupported]` a label; everything else is text. */
function marked(answer, turn, tools) {
  const cited = new Map((answer.citations ?? []).map((each) => [String(each.n), each]));
  const pieces = [];
  let at = 0;
  for (const found of answer.answer.matchAll(/\[(\d{1,4}|unsupported)\]/g)) {
    const citation = cited.get(found[1]);
    if (found[1] !== "unsupported" && !citation) continue;
    pieces.push(answer.answer.slice(at, found.index));
    pieces.push(citation ? mark(citation, turn, tools) : h("span", { class: "unsupported" }, "unsupported"));
    at = found.index + found[0].length;
  }
  return [...pieces, answer.answer.slice(at)];
}

function mark(citation, turn, tools) {
  const button = h("button", {
    type: "button", class: "cite", "aria-label": `Source ${citation.n}: ${called(citation)}`, "data-n": citation.n,
    onclick: () => { hidePreview(); tools.open(citation, turn.kb); },
    onmouseenter: () => showPreview(button, citation), onmouseleave: hidePreview,
    onfocus: () => showPreview(button, citation), onblur: hidePreview,
  }, String(citation.n));
  return button;
}

export const called = (found) => name(found.title || found.source) || "untitled";

/** Where in the document: page, rows, time or headings, in words. */
export function place(found) {
  const parts = [];
  if (found.page) parts.push(`page ${found.page}`);
  if (found.rows) parts.push(found.rows[0] === found.rows[1] ? `row ${found.rows[0]}` : `rows ${found.rows[0]} to ${found.rows[1]}`);
  if (typeof found.time === "number") parts.push(clock(found.time));
  const heading = (found.heading ?? []).map(name).filter((each) => each && each !== called(found));
  if (heading.length) parts.push(heading.join(" › "));
  return parts.join(", ");
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function sources(turn, tools) {
  const { answer } = turn;
  const cited = new Set((answer.citations ?? []).map((each) => each.chunk));
  const others = (answer.passages ?? []).filter((each) => !cited.has(each.chunk));
  const shown = (answer.citations ?? []).map((each) => card(each, each.quote, turn, tools, each.n));
  const rest = others.map((each) => card(each, each.text, turn, tools, null));
  const count = `${rest.length} ${rest.length === 1 ? "passage" : "passages"}`;
  return h("section", { class: "sources", "aria-label": "Sources" },
    shown.length ? h("ol", { class: "cards" }, shown) : null,
    rest.length ? h("details", { open: answer.abstained }, h("summary", {}, answer.abstained ? `Nearest: ${count}` : `Found, but not cited: ${count}`),
      h("ul", { class: "cards" }, rest)) : null);
}

function card(found, text, turn, tools, n) {
  const where = place(found);
  const address = webAddress(found.url || found.metadata?.url);
  return h("li", { class: "card" },
    h("button", { type: "button", class: "card-open", onclick: () => tools.open(found, turn.kb), "aria-label": `Open ${n ? `source ${n}, ` : ""}${called(found)}` },
      n ? h("span", { class: "n", "aria-hidden": "true" }, n) : null,
      h("span", { class: "card-title" }, called(found)), where ? h("span", { class: "soft" }, where) : null,
      h("q", {}, clipped(text, 260))),
    address ? h("p", { class: "outside" }, webLink(address, name(address))) : null);
}

export const clipped = (text, most) => {
  const plain = String(text).replace(/\s+/g, " ").trim();
  return plain.length > most ? `${plain.slice(0, most)}…` : plain;
};

function footer(turn, tools) {
  const { answer } = turn;
  const percent = `${Math.round(100 * (answer.support ?? 0))}\u00a0%`;
  const meaning = answer.calibrated ? "estimated chance that this answers the question" : "support by the passages";
  const seconds = answer.timings?.total;
  return h("footer", { class: "foot" },
    answer.abstained ? null : h("span", {}, `${meaning}: ${percent}`),
    answer.abstained ? null : h("span", {}, answer.generator && answer.generator !== "extractive" ? `written by ${name(answer.generator)}` : "quoted from the documents"),
    typeof seconds === "number" ? h("span", {}, `${seconds.toFixed(1)} s`) : null,
    h("button", { type: "button", class: "quiet", onclick: () => tools.explain(turn) }, "Explain"),
    tools.feedback ? tools.feedback(turn) : null);
}

/** Questions to go on with: the headings of what was found and not cited. */
function followUps(turn, tools) {
  const topics = new Map();
  const cited = new Set((turn.answer.citations ?? []).map((each) => topic(each).toLowerCase()));
  const asked = turn.question.toLowerCase();
  for (const passage of turn.answer.passages ?? []) {
    const own = topic(passage);
    if (own.length > 2 && own.length < 80 && !cited.has(own.toLowerCase()) && !asked.includes(own.toLowerCase())) topics.set(own.toLowerCase(), own);
  }
  const chosen = [...topics.values()].slice(0, 3);
  if (!chosen.length) return null;
  return h("div", { class: "follow", role: "group", "aria-label": "Ask next" },
    chosen.map((own) => h("button", { type: "button", class: "chip", onclick: () => tools.ask(`What about “${own}”?`) }, `What about “${own}”?`)));
}

/** The innermost heading; one of a single word says too little without the title. */
function topic(found) {
  const heading = name((found.heading ?? []).at(-1) ?? ""), title = name(found.title ?? "");
  return !heading || heading === title ? title : heading.includes(" ") || !title ? heading : `${title}: ${heading}`;
}
