// How a question came to its passages: queries, hits of each index, fusion, reranking, times.

import { post } from "./api.js";
import { dialog, fill, h, name } from "./dom.js";
import { called } from "./answer.js";

export async function explain(turn, kb) {
  const body = h("div", {}, h("p", { class: "soft" }, "Searching once more, with every step noted …"));
  dialog("Explain", body, { wide: true });
  try {
    const asked = { question: turn.answer.searched || turn.question, ...(kb ? { kb } : {}), ...(turn.where ? { where: turn.where } : {}) };
    fill(body, ...parts(await post("/v1/explain", asked), titles(turn.answer)));
  } catch (error) {
    fill(body, h("p", { class: "note bad" }, error.message));
  }
}

const titles = (answer) => new Map([...(answer.passages ?? []), ...(answer.citations ?? [])].map((each) => [each.document, called(each)]));

function parts(found, known) {
  const of = (id) => known.get(id) ?? `document ${String(id).slice(0, 8)}`;
  return [
    found.rewriting.length ? section("Rewriting", table("What each rewriter did", ["rewriter", "made of the question"],
      found.rewriting.map((step) => [name(step.name), rewritten(step)]))) : null,
    section("Queries", found.queries.map((each, at) => queryView(each, at, of))),
    section(`Passages, joined by ${name(found.fusion)}`, passages(found, of)),
    found.dropped.length ? section("Left out", table("Passages that the context left out", ["document", "why"], found.dropped.map(([, id, why]) => [of(id), name(why)]))) : null,
    found.notes.map((each) => h("p", { class: "note warn" }, each)),
    section("Times", times(found.seconds)),
    h("p", { class: "soft" }, `pipeline ${found.pipeline.digest}`),
  ];
}

function rewritten(step) {
  const parts = [step.changed ? `“${name(step.text)}”` : "left as it was"];
  if (step.variants?.length) parts.push(`variants: ${step.variants.map((each) => `“${name(each.text ?? each)}”`).join(", ")}`);
  if (step.terms?.length) parts.push(`terms: ${step.terms.map((each) => name(Array.isArray(each) ? each[0] : each)).join(", ")}`);
  if (step.vector) parts.push("a vector of its own");
  if (step.note) parts.push(name(step.note));
  return parts.join("; ");
}

const signed = (value) => (value < 0 ? `−${(-value).toFixed(3)}` : `+${value.toFixed(3)}`);

const section = (title, ...content) => h("section", {}, h("h3", {}, title), content);

function table(caption, heads, rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", {}, h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, heads.map((each, at) => h("th", { scope: "col", class: rows.length && typeof rows[0][at] === "number" ? "number" : "" }, each)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: typeof cell === "number" ? "number" : "" }, shown(cell))))))));
}

const shown = (cell) => (cell === null || cell === undefined ? "–" : typeof cell === "number" && !Number.isInteger(cell) ? cell.toFixed(3) : cell);

function queryView(each, at, of) {
  const terms = each.terms.length ? h("p", { class: "soft" }, `terms: ${each.terms.map(name).join(", ")}`) : null;
  return h("div", {}, h("p", {}, h("strong", {}, `${at + 1}. `), name(each.text), each.weight === 1 ? "" : ` (weight ${each.weight.toFixed(2)})`), terms,
    each.hits.map(([index, hits]) => h("details", {}, h("summary", {}, `${name(index)}: ${hits.length} hits`),
      table(`Hits of ${index}`, ["rank", "document", "score", "adds"], hits.slice(0, 20).map((hit) => [hit.rank, of(hit.document), hit.score, hit.adds])))));
}

function passages(found, of) {
  const names = [...new Set(found.passages.flatMap((each) => each.hits.map(([index]) => index)))];
  const rerankers = [...new Set(found.passages.flatMap((each) => each.reranked.map(([reranker]) => reranker)))];
  const rows = found.passages.map((each) => {
    const hits = new Map(each.hits), scores = new Map(each.reranked);
    return [each.rank, of(each.document), ...names.map((index) => rankOf(hits.get(index))), each.fused, ...rerankers.map((own) => scores.get(own)), each.score];
  });
  return table("How each passage came to its score", ["rank", "document", ...names.map((each) => `${name(each)}: rank, adds`), "fused", ...rerankers.map(name), "score"], rows);
}

const rankOf = (hit) => (hit === undefined || !hit.rank ? "–" : `${hit.rank}${hit.adds === null ? "" : `, ${signed(hit.adds)}`}`);

function times(seconds) {
  const most = Math.max(...seconds.map(([, value]) => value), 1e-9);
  return h("ul", { class: "bars" }, seconds.map(([stage, value]) => {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.max(1, 60 * (value / most))}%`;
    return h("li", {}, h("span", { class: "stage" }, name(stage)), bar, h("span", {}, `${(1000 * value).toFixed(1)} ms`));
  }));
}
