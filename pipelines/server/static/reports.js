// Stored reports: a list, and each in a frame that can read nothing of this page.

import { get, post } from "./api.js";
import { dialog, fill, h, name } from "./dom.js";

export async function reportsDialog() {
  const body = h("div", {}, h("p", { class: "soft" }, "Looking …"));
  dialog("Reports", body, { wide: true });
  await showList(body);
}

async function showList(body) {
  try {
    const { reports } = await get("/v1/reports");
    fill(body, reports.length ? h("ul", { class: "cards" }, reports.map((each) => h("li", { class: "card" },
      h("button", { type: "button", class: "card-open", onclick: () => showReport(body, each) }, h("span", { class: "card-title" }, name(each.title)),
        h("span", { class: "soft" }, `${each.kind}, ${new Date(each.modified).toLocaleString()}`))))) : h("p", {}, "There are none yet. rag bench, rag experiment and rag evaluate --html write some."));
  } catch (error) {
    fill(body, h("p", { class: "note bad" }, error.message));
  }
}

async function showReport(body, report) {
  const back = h("p", {}, h("button", { type: "button", class: "quiet", onclick: () => showList(body) }, "All reports"));
  try {
    const { url } = await post(`/v1/reports/${encodeURIComponent(report.id)}`, {});
    if (!/^\/reports\/[\w-]+$/.test(url)) throw new Error("the server gave no address of a report");
    const frame = h("iframe", { class: "report", title: name(report.title), sandbox: "allow-scripts" });
    frame.src = url;
    fill(body, back, frame);
  } catch (error) {
    fill(body, back, h("p", { class: "note bad" }, error.message));
  }
}
