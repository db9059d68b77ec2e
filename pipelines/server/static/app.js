// The page: asks, shows, and keeps conversations.

import * as api from "./api.js";
import * as store from "./store.js";
import { streaming, turnView } from "./answer.js";
import { $, announce, dialog, fill, h, name } from "./dom.js";
import { documentsDialog } from "./documents.js";
import { explain } from "./explain.js";
import { filterChip, filterDialog } from "./filter.js";
import { feedbackView } from "./feedback.js";
import { reportsDialog } from "./reports.js";
import { reviewDialog } from "./review.js";
import { takeFiles, uploadDialog } from "./upload.js";
import { closeViewer, openViewer } from "./viewer.js";

const HISTORY = 8;
const state = { bases: [], kb: null, where: "", conversation: null, asking: null };

const tools = {
  ask: (question) => ask(question),
  open: (found, kb) => openViewer(found, kb),
  explain: (turn) => explain(turn, turn.kb),
  feedback: (turn) => feedbackView(turn, () => store.save(state.conversation)),
};

// ---- the token

let waiting = null;
api.onTokenWanted(() => {
  waiting ??= new Promise((resolve) => {
    let given = false;
    const field = h("input", { type: "password", name: "token", autocomplete: "off", "aria-label": "Token" });
    const had = api.token.get() !== "";
    const made = dialog("This server asks for a token", h("form", { onsubmit: (event) => {
      event.preventDefault();
      const own = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(own)) return;
      api.token.set(own);
      given = true;
      made.close();
    } }, had ? h("p", { class: "note bad" }, "That token is not good here.") : null,
      h("p", {}, "Whoever runs it can tell you. It is kept until this tab is closed."), field,
      h("p", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Go on"))),
    { onclose: () => { waiting = null; resolve(given); } });
    field.focus();
  });
  return waiting;
});

// ---- asking

async function ask(question) {
  if (!question.trim() || state.asking) return;
  const turn = { question: question.trim(), kb: state.kb, where: state.where, at: Date.now() };
  const own = state.conversation; // another one may be shown by the time the answer ends
  const history = own.turns.filter((each) => each.answer).slice(-HISTORY).flatMap((each) => [
    { role: "user", content: each.question },
    ...(each.answer.abstained ? [] : [{ role: "assistant", content: each.answer.answer }]),
  ]);
  own.turns.push(turn);
  state.asking = new AbortController();
  busy(true);
  drawTurns();
  announce("Searching.");
  const said = $("turns").lastElementChild.querySelector(".answer");
  streaming(said, "", "Searching …");
  $("turns").lastElementChild.scrollIntoView({ block: "start" });
  try {
    await listen(turn, history, said);
  } catch (error) {
    turn.error = error.name === "AbortError" ? "It was stopped." : error.message;
    announce(`The question was not answered: ${turn.error}`);
  }
  state.asking = null;
  busy(false);
  if (!store.save(own)) announce("This browser keeps no more conversations.");
  if (own === state.conversation) drawTurns();
  drawConversations();
}

store.onChange((id) => { // by another tab: what it has added is not to be written over from here
  if (state.asking || !state.conversation) return;
  if (id === state.conversation.id) state.conversation = store.load(id) ?? store.create();
  drawTurns();
  drawConversations();
});

async function listen(turn, history, said) {
  const body = { question: turn.question, history, stream: true, ...(turn.kb ? { kb: turn.kb } : {}), ...(turn.where ? { where: turn.where } : {}) };
  let text = "";
  for await (const [event, data] of api.events("/v1/ask", body, { signal: state.asking.signal })) {
    if (event === "text") {
      text += data.text;
      streaming(said, text, "Checking and writing …");
      announce(data.text.replace(/\[\d+\]/g, ""));
    } else if (event === "answer") {
      turn.answer = data;
    } else if (event === "error") {
      throw new Error(data.error?.message ?? "the server failed");
    }
  }
  if (!turn.answer) throw new Error("the answer did not come to its end");
  const count = turn.answer.citations.length;
  announce(turn.answer.abstained ? "The documents do not answer this." : `Answered, with ${count} ${count === 1 ? "source" : "sources"}.`);
}

function busy(now) {
  $("send").textContent = now ? "Stop" : "Ask";
  $("send").classList.toggle("stop", now);
  $("chat").setAttribute("aria-busy", String(now));
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.asking) return state.asking.abort();
  const field = $("question");
  const question = field.value;
  if (!question.trim()) return field.focus();
  field.value = "";
  grow();
  ask(question);
});

const grow = () => {
  const field = $("question");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 160)}px`;
};
$("question").addEventListener("input", grow);
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});

// ---- showing

function drawTurns() {
  const { turns } = state.conversation;
  const views = turns.map((turn, at) => turnView(turn, tools, at === turns.length - 1));
  fill($("turns"), views.length ? views : welcome());
}

function welcome() {
  const base = state.bases.find((each) => each.name === state.kb);
  if (base?.documents === 0) return h("div", { class: "welcome" }, h("h2", {}, "Nothing to ask yet"), h("p", {}, "There are no documents here that you may read."));
  const size = base ? `${base.documents.toLocaleString()} ${base.documents === 1 ? "document" : "documents"}` : "the documents";
  return h("div", { class: "welcome" }, h("h2", {}, "What do you want to know?"),
    h("p", {}, `Answers come from ${size}. Each mark opens the passage that it cites; what the documents do not say is not answered.`));
}

function drawConversations() {
  const all = store.list();
  fill($("conversations"), all.map((each) => h("li", { class: each.id === state.conversation.id ? "on" : "" },
    h("button", { type: "button", class: "open", "aria-current": each.id === state.conversation.id ? "true" : null, onclick: () => show(each) }, name(each.title) || "untitled"),
    h("button", { type: "button", class: "icon", "aria-label": `Delete the conversation ${name(each.title)}`, onclick: () => drop(each) }, "×"))),
  all.length ? null : h("li", { class: "soft" }, "None yet"));
}

function show(conversation) {
  state.asking?.abort();
  closeViewer();
  state.conversation = store.load(conversation.id) ?? conversation;
  drawTurns();
  drawConversations();
  menu(false);
  $("question").focus();
}

function drop(conversation) {
  store.forget(conversation.id);
  if (conversation.id === state.conversation.id) show(store.create());
  else drawConversations();
}

$("new").addEventListener("click", () => show(store.create()));

// ---- filter and knowledge base

const known = () => [...new Set(state.conversation.turns.flatMap((turn) => (turn.answer?.citations ?? []).flatMap((each) => Object.keys(each.metadata ?? {}))))].sort();

function setWhere(where) {
  state.where = where;
  fill($("chips"), filterChip(where, () => setWhere("")));
  announce(where ? `Only documents with ${where}.` : "All documents are searched.");
}
$("filter").addEventListener("click", () => filterDialog(state.where, known(), setWhere));

$("kb").addEventListener("change", () => {
  state.kb = $("kb").value;
  drawAbout();
  if (!state.conversation.turns.length) drawTurns();
});

function drawAbout() {
  const base = state.bases.find((each) => each.name === state.kb);
  fill($("about"), base ? `${base.documents.toLocaleString()} documents in ${base.chunks.toLocaleString()} passages; ${base.generator === "extractive" ? "answers are quotes" : `answers by ${name(base.generator)}`}.` : "");
}

// ---- menu and keys

function menu(open) {
  document.body.classList.toggle("menu", open);
  $("menu").setAttribute("aria-expanded", String(open));
}
$("menu").addEventListener("click", () => menu(!document.body.classList.contains("menu")));
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (document.body.classList.contains("menu")) { menu(false); $("menu").focus(); } else closeViewer();
  }
  const writing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    $("question").focus();
  }
});

function tool(text, onclick) {
  return h("li", {}, h("button", { type: "button", class: "open", onclick: () => { menu(false); onclick(); } }, text));
}

// ---- the beginning

async function look() {
  state.bases = (await api.get("/v1/status")).knowledge_bases;
}

async function arrived() {
  await look();
  drawAbout();
  if (!state.conversation.turns.length) drawTurns();
}

/** What this server and this reader may do, beside asking. */
function offer(may) {
  const takes = () => (may.uploads.includes(state.kb) ? state.kb : may.uploads[0] ?? null);
  const kept = () => (may.review.includes(state.kb) ? state.kb : may.review[0]);
  const gone = () => (may.uploads.includes(state.kb) ? arrived : null);
  const offered = [
    [true, "Documents", () => documentsDialog(state.kb, (found) => openViewer(found, state.kb), gone())],
    [may.uploads.length, "Add documents", () => uploadDialog(takes, arrived)],
    [may.review.length, "Review feedback", () => reviewDialog(kept())],
    [may.reports, "Reports", reportsDialog],
    [api.token.get(), "Forget the token", () => { api.token.clear(); location.reload(); }],
  ].filter(([there]) => there);
  fill($("tools"), offered.map(([, text, open]) => tool(text, open)));
  if (may.uploads.length) takeFiles(takes, arrived);
}

async function begin() {
  await look();
  const { bases } = state;
  state.kb = bases[0]?.name ?? null;
  fill($("kb"), bases.map((each) => h("option", { value: each.name }, name(each.name))));
  $("kb").parentElement.hidden = bases.length < 2;
  const may = await api.get("/v1/page");
  state.conversation = store.last() ?? store.create();
  offer(may);
  drawAbout();
  drawTurns();
  drawConversations();
  document.body.setAttribute("data-ready", "");
}

begin().catch((error) => fill($("turns"), h("p", { class: "note bad" }, `The server does not let this page in: ${error.message}. `,
  h("button", { type: "button", class: "quiet", onclick: () => location.reload() }, "Try again"))));
