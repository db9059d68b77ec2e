// What readers said about answers becomes judged questions: one after another, each accepted or rejected.

import { get, post, query } from "./api.js";
import { announce, dialog, fill, h, name } from "./dom.js";
import { clipped } from "./answer.js";

export async function reviewDialog(kb) {
  const body = h("div", {}, h("p", { class: "soft" }, "Looking …"));
  dialog("Review feedback", body, { wide: true });
  await next(body, kb);
}

async function next(body, kb) {
  try {
    const found = await get(`/v1/feedback-review${query({ kb })}`);
    const [row] = found.rows;
    fill(body, row ? [h("p", { class: "soft" }, `${found.to_review.toLocaleString()} to review`), one(row, body, kb)] : h("p", {}, "There is nothing to review. rag feedback export writes the judged questions."));
    body.querySelector("h3")?.focus();
  } catch (error) {
    fill(body, h("p", { class: "note bad" }, error.message));
  }
}

function one(row, body, kb) {
  const chosen = new Set((row.proposed?.spans ?? []).map(key));
  const every = [...new Map([...(row.proposed?.spans ?? []), ...row.spans, ...row.passages].map((each) => [key(each), each])).values()];
  const boxes = every.map((each) => [each, h("input", { type: "checkbox", "aria-label": `This answers it: ${name(each.quote)}` })]);
  boxes.forEach(([each, box]) => { box.checked = chosen.has(key(each)); });
  const answer = h("textarea", { rows: "2", "aria-label": "The right answer, in words" });
  answer.value = row.correction || (row.proposed?.answers ?? []).join("\n") || "";
  const question = h("input", { "aria-label": "The question, complete in itself" });
  question.value = row.question;
  const none = h("input", { type: "checkbox", id: "unanswerable" });
  none.checked = Boolean(row.proposed?.unanswerable);
  const said = h("p", { class: "soft" });
  const judge = async (verdict) => {
    const spans = none.checked ? [] : boxes.filter(([, box]) => box.checked).map(([each]) => ({ document: each.document, start: each.start, end: each.end }));
    const told = verdict === "accept" ? { spans, unanswerable: none.checked, answers: !none.checked && answer.value.trim() ? [answer.value.trim()] : [],
      question: question.value.trim() === row.question ? "" : question.value.trim() } : {};
    try {
      await post("/v1/feedback-review", { answer: row.answer, ...(kb ? { kb } : {}), verdict, ...told });
      announce(verdict === "accept" ? "Accepted." : "Rejected.");
      await next(body, kb);
    } catch (error) {
      fill(said, error.message);
    }
  };
  return h("section", { class: "review" }, h("h3", { tabindex: "-1" }, row.question),
    h("p", {}, h("strong", {}, row.vote === "up" ? "A reader found it good: " : "A reader found it bad: "), row.reason || "without a reason"), h("blockquote", { class: "text" }, row.text),
    h("p", { class: "soft" }, row.why), row.lost ? h("p", { class: "note warn" }, `${row.lost} passages of the answer are no longer in the documents.`) : null,
    h("label", {}, "Question", question), h("fieldset", {}, h("legend", {}, "What answers it"), every.length ? boxes.map(([each, box]) => h("label", { class: "pick-span" }, box, h("span", {}, clipped(each.quote, 280)), h("span", { class: "soft" }, name(each.source ?? "")))) : h("p", { class: "soft" }, "nothing was found"),
      h("label", { class: "pick-span", for: "unanswerable" }, none, "Nothing: the documents hold no answer")),
    h("label", {}, "The right answer, in words", answer), said,
    h("p", { class: "actions" }, h("button", { type: "button", class: "quiet", onclick: () => judge("reject") }, "Reject"), h("button", { type: "button", class: "main", onclick: () => judge("accept") }, "Accept")));
}

const key = (span) => `${span.document}:${span.start}:${span.end}`;
