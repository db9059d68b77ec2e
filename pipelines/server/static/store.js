// Conversations in this browser alone. They survive a reload, and are kept apart by the token that they were held with.

import { token } from "./api.js";

const MOST = 100;
const TEXT = 700;

function mark(text) { // tells tokens apart; says nothing of them
  let found = 0x811c9dc5;
  for (const letter of text) found = Math.imul(found ^ letter.codePointAt(0), 0x01000193) >>> 0;
  return found.toString(36);
}

const prefix = () => `rag:${mark(token.get())}:`;
const key = (id) => `${prefix()}c:${id}`;

export function list() {
  const found = [];
  for (let i = 0; i < localStorage.length; i += 1) {
    const name = localStorage.key(i);
    if (name.startsWith(`${prefix()}c:`)) {
      const own = read(name);
      if (own) found.push(own);
    }
  }
  return found.sort((a, b) => b.at - a.at);
}

export const load = (id) => read(key(id));

/** Call with the id of a conversation that another tab has changed or deleted. */
export function onChange(call) {
  addEventListener("storage", ({ key: name }) => {
    if (name?.startsWith(`${prefix()}c:`)) call(name.slice(prefix().length + 2));
  });
}

function read(name) {
  try {
    const own = JSON.parse(localStorage.getItem(name));
    const sound = own && typeof own.id === "string" && Array.isArray(own.turns) && typeof own.at === "number";
    return sound && own.turns.every((turn) => typeof turn.question === "string") ? own : null;
  } catch {
    return null;
  }
}

export function create() {
  return { id: crypto.getRandomValues(new Uint32Array(2)).join("-"), title: "", at: Date.now(), turns: [] };
}

export function save(conversation) {
  conversation.at = Date.now();
  conversation.title = conversation.turns[0]?.question.slice(0, 120) ?? "";
  const text = JSON.stringify({ ...conversation, turns: conversation.turns.map(kept) });
  for (const old of list().filter((each) => each.id !== conversation.id).slice(MOST - 1)) forget(old.id);
  for (;;) {
    try {
      localStorage.setItem(key(conversation.id), text);
      break;
    } catch { // full: the oldest goes
      const oldest = list().filter((each) => each.id !== conversation.id).pop();
      if (!oldest) return false;
      forget(oldest.id);
    }
  }
  localStorage.setItem(`${prefix()}last`, conversation.id);
  return true;
}

function kept(turn) {
  const { answer } = turn;
  if (!answer) return { ...turn, pending: undefined };
  const passages = (answer.passages ?? []).map((each) => ({ ...each, text: String(each.text).slice(0, TEXT), metadata: {} }));
  return { ...turn, answer: { ...answer, passages, data: null } };
}

export const last = () => load(localStorage.getItem(`${prefix()}last`) ?? "");

export const forget = (id) => localStorage.removeItem(key(id));
