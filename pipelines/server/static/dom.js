// Elements made of text. Whatever a document or a model says is text here: nothing is ever parsed as markup.

const ATTRIBUTES = new Set(["id", "class", "type", "role", "title", "for", "name", "value", "placeholder", "hidden", "open",
  "disabled", "rows", "colspan", "scope", "tabindex", "alt", "list", "min", "max", "maxlength", "multiple", "accept",
  "lang", "dir", "sandbox", "autocomplete", "datetime", "start"]);

/** Make an element: `on...` are listeners, `aria-...` and `data-...` attributes, everything else must be known. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (ATTRIBUTES.has(name) || name.startsWith("aria-") || name.startsWith("data-"))
      made.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
    else throw new Error(`no attribute ${name}`);
  }
  made.append(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== false).map(node));
  return made;
}

const node = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));

export const $ = (id) => document.getElementById(id);

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== false).map(node));
  return element;
}

/** A link to the web, or its text alone: no other scheme ever becomes an address. */
export function webLink(address, text) {
  const url = webAddress(address);
  if (url === null) return document.createTextNode(text);
  const made = h("a", {}, text);
  made.href = url;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  return made;
}

export function webAddress(address) {
  try {
    const url = new URL(address);
    const plain = (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
    return plain && url.hostname ? url.href : null;
  } catch {
    return null;
  }
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A name of unknown origin: without characters that are not seen but change what is. */
export const name = (text) => String(text ?? "").replace(HIDDEN, "").replace(/\s+/g, " ").slice(0, 300);

/** The place of a character in a string of UTF-16, of its place as Python counts. */
export function unit(text, characters, from = 0, at = 0) {
  while (characters > 0 && at < text.length) {
    at += (text.codePointAt(at) > 0xffff) ? 2 : 1;
    characters -= 1;
  }
  return from + at;
}

/** Part of a text by characters as Python counts them. */
export function part(text, start, end) {
  const a = unit(text, start);
  return text.slice(a, unit(text, end - start, 0, a));
}

/** Open a dialog with a heading; it goes when it is closed, and what was in focus before is again. */
export function dialog(title, content, { wide = false, onclose = null } = {}) {
  const before = document.activeElement;
  const close = h("button", { class: "icon close", type: "button", onclick: () => made.close() }, "Close");
  const heading = h("h2", { id: `d${Math.random().toString(36).slice(2)}`, tabindex: "-1" }, title);
  const made = h("dialog", { class: wide ? "wide" : "", "aria-labelledby": heading.id },
    h("div", { class: "head" }, heading, close), h("div", { class: "body" }, content));
  made.addEventListener("close", () => {
    made.remove();
    if (onclose) onclose();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  made.addEventListener("click", (event) => { if (event.target === made) made.close(); });
  document.body.append(made);
  made.showModal();
  return made;
}

export function announce(text) {
  $("live").textContent = text;
}
