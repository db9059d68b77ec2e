// A form that makes a `where` expression, for people who do not know the language.

import { dialog, fill, h, name } from "./dom.js";

const FIELDS = [["type", "file type"], ["title", "title"], ["source", "file name"], ["modified", "date of change"], ["page", "page"]];
const TESTS = [["==", "is"], ["!=", "is not"], ["startswith", "begins with"], [">=", "is at least, or from"], ["<=", "is at most, or until"], ["exists", "is given"]];
const PLAIN = /^[\p{L}][\p{L}\p{N}_-]*(\.[\p{L}\p{N}_-]+)*$/u;

/** Ask for a filter; `use` gets the expression, empty for none. */
export function filterDialog(now, known, use) {
  const rows = h("div", { class: "rows" });
  const written = h("textarea", { rows: "2", "aria-label": "The filter as an expression" });
  const fields = [...FIELDS, ...known.filter((key) => !FIELDS.some(([own]) => own === key)).map((key) => [key, key])];
  const update = () => { written.value = [...rows.children].map((row) => row.expression()).filter(Boolean).join(" and "); };
  const add = () => { rows.append(condition(fields, update)); };
  add();
  written.value = now;
  const made = dialog("Only some documents", h("form", { onsubmit: (event) => { event.preventDefault(); use(written.value.trim()); made.close(); } },
    h("p", {}, "Search only documents for which all of these hold."), rows,
    h("p", {}, h("button", { type: "button", class: "quiet", onclick: add }, "Add a condition")),
    h("label", {}, "As an expression, which you may also write yourself", written),
    h("p", { class: "actions" }, h("button", { type: "button", class: "quiet", onclick: () => { use(""); made.close(); } }, "All documents"),
      h("button", { type: "submit", class: "main" }, "Use the filter"))));
}

function condition(fields, update) {
  const field = h("select", { "aria-label": "Field", onchange: changed }, fields.map(([value, text]) => h("option", { value }, name(text))), h("option", { value: "" }, "another field …"));
  const other = h("input", { "aria-label": "Name of the field", placeholder: "author", hidden: true, oninput: changed });
  const test = h("select", { "aria-label": "Test", onchange: changed }, TESTS.map(([value, text]) => h("option", { value }, text)));
  const value = h("input", { "aria-label": "Value", placeholder: "pdf", oninput: changed });
  const row = h("div", { class: "row" }, field, other, test, value,
    h("button", { type: "button", class: "icon", "aria-label": "Take this condition away", onclick: () => { row.remove(); update(); } }, "×"));
  const hints = { type: "pdf, md, html …", modified: "2026-05-01", page: "12" };
  function changed() {
    other.hidden = field.value !== "";
    value.hidden = test.value === "exists";
    value.placeholder = hints[field.value] ?? "";
    update();
  }
  row.expression = () => {
    const key = field.value || other.value.trim();
    if (!key || (test.value !== "exists" && !value.value.trim())) return "";
    const quoted = PLAIN.test(key) ? key : JSON.stringify(key);
    return test.value === "exists" ? `exists(${quoted})` : `${quoted} ${test.value} ${valueOf(key, test.value, value.value.trim())}`;
  };
  return row;
}

/** Numbers are compared as numbers, except where the field is a text; everything else is text in quotes. */
function valueOf(key, test, text) {
  const number = /^-?\d+(\.\d+)?$/.test(text) && test !== "startswith" && !["type", "title", "source"].includes(key);
  return number || ["true", "false", "null"].includes(text) ? text : JSON.stringify(text);
}

/** The filter that is in force, with a button that takes it away. */
export function filterChip(where, clear) {
  return where ? h("span", { class: "chip on" }, "only ", h("code", {}, where),
    h("button", { type: "button", class: "icon", "aria-label": "Search all documents again", onclick: clear }, "×")) : null;
}
