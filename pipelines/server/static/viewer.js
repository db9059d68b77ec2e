// A document beside the chat, at the passage: on the pages of a PDF file, or in its text.

import { get, picture, query } from "./api.js";
import { $, announce, fill, h, name, part, unit } from "./dom.js";
import { called, place } from "./answer.js";

const AROUND = 6000; // characters of text that are shown on either side of a passage, and more on request
const WIDTH = 1200;

let opened = null; // { found, kb, before, stop, urls }

export function closeViewer() {
  if (!opened) return;
  const { before, stop, urls } = opened;
  stop.abort();
  urls.forEach((url) => URL.revokeObjectURL(url));
  opened = null;
  $("viewer").hidden = true;
  document.body.classList.remove("reading");
  if (before?.isConnected) before.focus();
}

/** Open a document at a span; `found` is a citation or a passage. */
export async function openViewer(found, kb) {
  const before = opened?.before?.isConnected ? opened.before : document.activeElement;
  if (opened) closeViewer();
  const own = { found, kb, before, stop: new AbortController(), urls: [] };
  opened = own;
  const body = h("div", { class: "reader", tabindex: "0", role: "region", "aria-label": "Text of the document" }, h("p", { class: "soft" }, "Opening …"));
  const heading = h("h2", { tabindex: "-1" }, called(found));
  fill($("viewer"), h("div", { class: "head" },
    h("div", {}, heading, h("p", { class: "soft" }, [name(found.source), place(found)].filter(Boolean).join(" · "))),
    h("button", { type: "button", class: "icon close", onclick: closeViewer }, "Close")), body);
  $("viewer").hidden = false;
  document.body.classList.add("reading");
  heading.focus();
  try {
    await show(own, body);
  } catch (error) {
    if (opened === own && error.name !== "AbortError") fill(body, h("p", { class: "note bad" }, `The document cannot be opened: ${error.message}`));
  }
}

const address = (found) => `/v1/documents/${encodeURIComponent(found.document)}`;

async function show(own, body) {
  const { found, kb } = own;
  const document_ = await get(`${address(found)}${query({ kb })}`, { signal: own.stop.signal });
  const whole = found.quote === undefined && found.text === undefined; // opened from the list, at no passage
  const span = whole ? null : spanIn(document_.text, found);
  if (opened !== own) return;
  if (document_.type === "pdf" && span) {
    try {
      const path = `${address(found)}/boxes${query({ kb, start: span.start, end: span.end })}`;
      const { pages } = await get(path, { signal: own.stop.signal });
      if (opened !== own) return;
      if (pages.length) return pagesView(own, body, document_, span, pages);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      return textView(body, document_, span, error.message);
    }
  }
  textView(body, document_, span, "", whole);
}

/** Where a quote is in the text now: where it was, or at the one place that has it; null if there is none or several. */
function spanIn(text, found) {
  const quote = found.quote ?? found.text; // of a passage that was kept, the beginning
  if (part(text, found.start, found.start + [...quote].length) === quote) return { start: found.start, end: found.end, moved: false };
  const at = text.indexOf(quote);
  if (!quote.trim() || at < 0 || text.indexOf(quote, at + 1) >= 0) return null;
  const start = [...text.slice(0, at)].length;
  return { start, end: start + [...quote].length, moved: true };
}

function changedNote(span) {
  if (!span) return h("p", { class: "note warn" }, "The document has changed since this was said; the passage is no longer in it, so nothing is marked.");
  return span.moved ? h("p", { class: "note warn" }, "The document has changed since this was said; the passage is at another place now.") : null;
}

function textView(body, document_, span, why, whole = false) {
  const before = h("span"), after = h("span");
  const { text } = document_;
  const start = span ? unit(text, span.start) : 0;
  const end = span ? unit(text, span.end - span.start, 0, start) : 0;
  const marked = span ? h("mark", { tabindex: "-1" }, text.slice(start, end)) : null;
  let from = Math.max(0, start - AROUND), until = Math.min(text.length, end + AROUND);
  const earlier = h("button", { type: "button", class: "quiet", onclick: () => { from = Math.max(0, from - 4 * AROUND); draw(); } }, "Show more before this");
  const later = h("button", { type: "button", class: "quiet", onclick: () => { until = Math.min(text.length, until + 4 * AROUND); draw(); } }, "Show more after this");
  function draw() {
    before.textContent = text.slice(from, start);
    after.textContent = text.slice(end, until);
    earlier.hidden = from === 0;
    later.hidden = until === text.length;
  }
  draw();
  fill(body, why ? h("p", { class: "note warn" }, `${sentence(why)} This is the text as it was read.`) : null, whole ? null : changedNote(span), earlier,
    h("div", { class: "text document", dir: "auto" }, before, marked, after), later);
  (marked ?? body).scrollIntoView({ block: marked ? "center" : "start" });
  if (marked) announce("The document is open at the marked passage.");
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/[.;]$/, "")}.`;

function pagesView(own, body, document_, span, pages) {
  const figures = pages.map((each) => figure(own, each));
  const count = Number(document_.metadata?.pages) || pages.at(-1).page;
  const uncertain = pages.some((each) => each.how === "none");
  const text = h("details", { open: uncertain }, h("summary", {}, "The passage as text"), h("blockquote", { class: "text", dir: "auto" }, h("mark", {}, part(document_.text, span.start, span.end))));
  const others = h("div", { class: "pages" }, figures);
  const around = (number, side) => number >= 1 && number <= count && h("button", { type: "button", class: "quiet", onclick: (event) => {
    const made = figure(own, { page: number, how: "", rectangles: [] });
    side < 0 ? others.prepend(made) : others.append(made);
    const next = around(number + side, side);
    next ? event.target.replaceWith(next) : event.target.remove();
    made.scrollIntoView({ block: "nearest" });
  } }, `Show page ${number}`);
  fill(body, changedNote(span), pages.map(note), h("p", {}, h("button", { type: "button", class: "quiet", onclick: () => textView(body, document_, span, "") }, "Show the whole text")),
    around(pages[0].page - 1, -1) || null, others, around(pages.at(-1).page + 1, 1) || null, text);
  announce(`Page ${pages[0].page} is open${uncertain ? "; the passage is below it as text" : " with the passage marked"}.`);
}

function note(each) {
  if (each.how === "none") return h("p", { class: "note warn" }, `Where the passage is on page ${each.page} is not certain, so nothing is marked there; it is below as text.`);
  if (each.how === "lines") return h("p", { class: "soft" }, `Page ${each.page} was read by OCR: whole lines are marked.`);
  return null;
}

function figure(own, { page, how, rectangles }) {
  const image = h("img", { alt: `Page ${page}${rectangles.length ? ", with the passage marked" : ""}`, class: "page" });
  const boxes = rectangles.map((sides) => box(sides, how));
  const made = h("figure", { "data-page": page }, h("div", { class: "sheet" }, image, boxes), h("figcaption", { class: "soft" }, `Page ${page}`));
  picture(`${address(own.found)}/pages/${page}.png${query({ kb: own.kb, width: WIDTH })}`, { signal: own.stop.signal }).then((url) => {
    own.urls.push(url);
    image.src = url;
    image.addEventListener("load", () => { boxes[0]?.scrollIntoView({ block: "center" }); made.setAttribute("data-loaded", ""); }, { once: true });
  }, (error) => { if (error.name !== "AbortError") made.replaceWith(h("p", { class: "note warn" }, sentence(error.message))); });
  return made;
}

function box([left, top, right, bottom], how) {
  const made = h("div", { class: `box ${how}`, "aria-hidden": "true" });
  made.style.left = `${100 * left}%`;
  made.style.top = `${100 * top}%`;
  made.style.width = `${100 * (right - left)}%`;
  made.style.height = `${100 * (bottom - top)}%`;
  return made;
}
