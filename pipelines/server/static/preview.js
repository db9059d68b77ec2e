// What a mark cites, beside the mark, while it is under the pointer or in focus.

import { $, fill, h } from "./dom.js";
import { called, clipped, place } from "./answer.js";

export function showPreview(button, citation) {
  const box = fill($("preview"), h("strong", {}, called(citation)), " ", h("span", { class: "soft" }, place(citation)),
    h("q", {}, clipped(citation.quote, 320)));
  box.hidden = false;
  button.setAttribute("aria-describedby", "preview");
  const at = button.getBoundingClientRect();
  const width = Math.min(360, window.innerWidth - 16);
  box.style.width = `${width}px`;
  box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - width - 8))}px`;
  const below = at.bottom + 6;
  box.style.top = below + box.offsetHeight > window.innerHeight ? `${Math.max(8, at.top - box.offsetHeight - 6)}px` : `${below}px`;
}

export function hidePreview() {
  $("preview").hidden = true;
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") hidePreview(); });
