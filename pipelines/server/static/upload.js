// Files are dropped on the page, sent, and read as a job: with its progress, and an account of what was read.

import { events, remove, upload } from "./api.js";
import { announce, dialog, fill, h, name } from "./dom.js";

let open = null; // the list of the dialog that is open

/** Let files be dropped anywhere; `kb` says where they go, `done` is called when documents have come in. */
export function takeFiles(kb, done) {
  const has = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => { if (has(event)) { event.preventDefault(); document.body.classList.add("dropping"); } });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    if (!has(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    const files = [...event.dataTransfer.files];
    if (files.length) { uploadDialog(kb, done); start(files, kb(), done); }
  });
}

export function uploadDialog(kb, done) {
  if (open) return;
  const chosen = h("input", { type: "file", id: "files", multiple: true, onchange: () => { start([...chosen.files], kb(), done); chosen.value = ""; } });
  open = h("ul", { class: "cards" });
  const into = kb() ? `They go into ${name(kb())}. ` : "";
  dialog("Add documents", h("div", {}, h("div", { class: "drop" }, h("label", { for: "files" }, "Drop files anywhere on this page, or choose some: "), chosen),
    h("p", { class: "soft" }, into, "Documents are searched as soon as they are read. A file of the same name replaces the one before."), open), { onclose: () => { open = null; } });
}

async function start(files, kb, done) {
  const title = files.map((each) => name(each.name)).join(", ").slice(0, 200);
  const bar = h("progress", { max: "1", value: "0", "aria-label": `Progress of ${title}` });
  const said = h("p", { class: "soft" }, "Sending …");
  const stop = h("button", { type: "button", class: "quiet", hidden: true }, "Cancel");
  open.prepend(h("li", { class: "card job" }, h("strong", {}, title), bar, said, stop));
  try {
    const form = new FormData();
    files.forEach((each) => form.append("files", each, each.name));
    if (kb) form.append("kb", kb);
    const { job } = await upload("/v1/documents", form, (share) => { bar.value = share / 2; });
    stop.hidden = false;
    stop.addEventListener("click", () => remove(`/v1/jobs/${job.id}`).catch(() => {}));
    const last = await follow(job, bar, said);
    stop.remove();
    bar.remove();
    fill(said, outcome(last));
    announce(said.textContent);
    if (last.state === "done") done();
  } catch (error) {
    bar.remove();
    stop.remove();
    said.replaceWith(h("p", { class: "note bad" }, error.message));
    announce(error.message);
  }
}

async function follow(job, bar, said) {
  let last = job;
  for await (const [event, data] of events(`/v1/jobs/${job.id}/events`, undefined, { method: "GET" })) {
    if (event === "error") throw new Error(data.error?.message ?? "the upload failed");
    last = data.job;
    const { files = 0, files_read: read = 0, chunks = 0, stage = "" } = last.progress ?? {};
    bar.value = 0.5 + (files ? (0.45 * read) / files : 0);
    said.textContent = last.state === "waiting" ? "Waiting for other uploads …" : `${stage === "writing" ? "Writing" : "Reading"}: ${read} of ${files} files, ${chunks} passages …`;
  }
  return last;
}

const count = (n, one) => `${n.toLocaleString()} ${one}${n === 1 ? "" : "s"}`;

function outcome(job) {
  if (job.state !== "done") return job.state === "cancelled" ? "Cancelled; what was in by then stays." : `Failed: ${job.error?.message ?? "the server's log says why"}`;
  const { report } = job;
  const came = [[report.added, "added"], [report.changed, "changed"], [report.unchanged, "unchanged"]].filter(([n]) => n).map(([n, what]) => `${count(n, "document")} ${what}`);
  return [came.join(", ") || "No document came of it", `; ${count(report.chunks, "passage")}. `, account(report.account),
    report.failures.length ? h("ul", { class: "failures" }, report.failures.map((each) => h("li", {}, `${name(each.source)}: ${each.detail}`))) : null,
    report.remarks.length ? h("ul", { class: "remarks" }, report.remarks.map((each) => h("li", {}, `${name(each.source)}: ${each.remark}`))) : null];
}

/** Where every word of the file went, as the reader of the file counted them. */
function account(own) {
  if (!own) return "";
  const left = Object.entries(own.left_out ?? {}).filter(([, n]) => n);
  const out = left.length ? ` Left out: ${left.map(([kind, n]) => `${n.toLocaleString()} ${kind}`).join(", ")}.` : "";
  if (!own.held) return h("span", { class: "account" }, out.trim());
  const read = own.held - own.unaccounted - left.reduce((sum, [, n]) => sum + n, 0);
  const lost = own.unaccounted ? ` ${own.unaccounted.toLocaleString()} are not in the text, for reasons unknown.` : "";
  return h("span", { class: "account" }, `Of ${own.held.toLocaleString()} words ${read.toLocaleString()} were read.${out}${lost}`);
}

