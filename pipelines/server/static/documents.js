// The documents: a list to look into, and to take uploaded ones out of.

import { get, query, remove } from "./api.js";
import { announce, dialog, fill, h, name } from "./dom.js";

const AT_ONCE = 50;

/** Show the list; `open` opens a document, `gone` is called when one was removed, null where none may be. */
export function documentsDialog(kb, open, gone) {
  const list = h("ul", { class: "cards" });
  const said = h("p", { class: "soft" }, "Looking …");
  const more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => next() }, "More");
  const made = dialog("Documents", h("div", {}, said, list, more));
  let after = null;
  async function next() {
    try {
      const found = await get(`/v1/documents${query({ kb, after, limit: AT_ONCE })}`);
      ({ after } = found);
      list.append(...found.documents.map((each) => row(each, kb, (one) => { made.close(); open(one); }, gone)));
      said.textContent = `${list.children.length.toLocaleString()} of ${found.total.toLocaleString()}`;
      more.hidden = after === null;
    } catch (error) {
      fill(said, error.message);
    }
  }
  next();
}

function row(each, kb, open, gone) {
  const title = name(each.title) || "untitled";
  const own = h("li", { class: "card document-row" },
    h("button", { type: "button", class: "card-open", onclick: () => open({ ...each, document: each.id, start: 0, end: 0, heading: [] }) },
      h("span", { class: "card-title" }, title), h("span", { class: "soft" }, `${name(each.source)}, ${name(each.type)}`)),
    gone && each.uploaded ? h("button", { type: "button", class: "quiet", "aria-label": `Remove ${title}`, onclick: () => ask(own, each, kb, gone) }, "Remove") : null);
  return own;
}

function ask(own, each, kb, gone) {
  const sure = h("p", { class: "note warn" }, "Remove it, with all that its file holds? ",
    h("button", { type: "button", class: "quiet", onclick: () => go(own, sure, each, kb, gone) }, "Yes, remove it"), " ",
    h("button", { type: "button", class: "quiet", onclick: () => sure.remove() }, "No"));
  own.append(sure);
  sure.querySelector("button").focus();
}

async function go(own, sure, each, kb, gone) {
  try {
    await remove(`/v1/documents/${encodeURIComponent(each.id)}${query({ kb })}`);
    own.remove();
    announce("Removed.");
    gone();
  } catch (error) {
    fill(sure, error.message);
  }
}
