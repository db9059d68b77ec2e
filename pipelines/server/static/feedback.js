// Thumbs for an answer, why, and what would have been right.

import { post } from "./api.js";
import { announce, fill, h } from "./dom.js";

/** Return the thumbs of a turn, or nothing where the server keeps no feedback; `save` keeps the turn. */
export function feedbackView(turn, save) {
  if (!turn.answer?.feedback) return null;
  const box = h("span", { class: "thumbs", role: "group", "aria-label": "Was this a good answer?" });
  const more = h("div", { class: "why" });
  draw(turn, box, more, save);
  return [box, more];
}

function draw(turn, box, more, save) {
  const thumb = (vote, label) => h("button", { type: "button", class: "quiet", "aria-pressed": String(turn.vote === vote), "data-vote": vote,
    onclick: () => send(turn, turn.vote === vote ? { vote: "withdraw" } : { vote }, box, more, save) }, label);
  fill(box, thumb("up", "Good answer"), thumb("down", "Bad answer"));
  fill(more, turn.vote ? form(turn, box, more, save) : null);
}

function form(turn, box, more, save) {
  const reason = h("input", { maxlength: "2000", value: turn.reason ?? "", placeholder: turn.vote === "up" ? "What was good about it?" : "What is wrong with it?", "aria-label": "Why" });
  const correction = h("textarea", { rows: "2", maxlength: "20000", placeholder: "What would be the right answer?", "aria-label": "The right answer" });
  correction.value = turn.correction ?? "";
  return h("form", { onsubmit: (event) => {
    event.preventDefault();
    send(turn, { vote: turn.vote, reason: reason.value.trim(), correction: correction.value.trim() }, box, more, save);
  } }, reason, turn.vote === "down" ? correction : null, h("button", { type: "submit", class: "quiet" }, turn.reason || turn.correction ? "Change" : "Send"),
  turn.told ? h("span", { class: "soft" }, turn.told) : null);
}

async function send(turn, said, box, more, save) {
  const focused = document.activeElement?.getAttribute("data-vote");
  try {
    const kept = await post("/v1/feedback", { answer: turn.answer.feedback, ...(turn.kb ? { kb: turn.kb } : {}), ...said });
    turn.vote = kept.vote || null;
    turn.reason = kept.reason ?? "";
    turn.correction = kept.correction ?? "";
    turn.told = said.vote === "withdraw" ? "" : "Kept. Thank you.";
    save();
    announce(said.vote === "withdraw" ? "Taken back." : "Your feedback is kept.");
  } catch (error) {
    turn.told = error.message;
    announce(error.message);
  }
  draw(turn, box, more, save);
  if (focused) box.querySelector(`[data-vote="${focused}"]`)?.focus();
}
