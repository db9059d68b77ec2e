// Requests to this server, with the token where it needs one.

const TOKEN = "rag-token";

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => sessionStorage.setItem(TOKEN, value),
  clear: () => sessionStorage.removeItem(TOKEN),
};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let askForToken = async () => false;

/** Say how a token is asked for: resolves to whether there is one now. */
export const onTokenWanted = (ask) => { askForToken = ask; };

async function send(method, path, { body, headers = {}, signal } = {}) {
  const own = token.get();
  const all = { ...headers, ...(own ? { Authorization: `Bearer ${own}` } : {}) };
  let response;
  try {
    response = await fetch(path, { method, headers: all, body, signal, credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the server cannot be reached");
  }
  if (response.ok) return response;
  if (response.status === 401 && (await askForToken())) return send(method, path, { body, headers, signal });
  throw new Refused(response.status, await told(response));
}

async function told(response) {
  try {
    return String((await response.json()).error.message);
  } catch {
    return `the server answers ${response.status}`;
  }
}

const JSON_TYPE = { "Content-Type": "application/json" };

export async function get(path, options = {}) {
  return (await send("GET", path, options)).json();
}

export async function post(path, body, options = {}) {
  const response = await send("POST", path, { ...options, body: JSON.stringify(body), headers: JSON_TYPE });
  return response.status === 204 ? null : response.json();
}

export async function remove(path) {
  await send("DELETE", path);
}

export async function picture(path, options = {}) {
  return URL.createObjectURL(await (await send("GET", path, options)).blob());
}

/** Yield [name, data] of server-sent events. */
export async function* events(path, body, { signal, method = "POST" } = {}) {
  const headers = { ...(body === undefined ? {} : JSON_TYPE), Accept: "text/event-stream" };
  const response = await send(method, path, { body: body === undefined ? undefined : JSON.stringify(body), headers, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const event = lines.find((line) => line.startsWith("event: "));
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data) yield [event ? event.slice(7) : "message", JSON.parse(data)];
    }
  }
}

/** Send a form of files with word of how much has gone; XMLHttpRequest, for fetch does not tell. */
export function upload(path, form, onprogress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    if (token.get()) request.setRequestHeader("Authorization", `Bearer ${token.get()}`);
    request.upload.onprogress = (event) => onprogress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onerror = () => reject(new Refused(0, "the server cannot be reached, or has closed the connection"));
    request.onload = () => {
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { /* told below */ }
      if (request.status < 300) resolve(said);
      else reject(new Refused(request.status, String(said?.error?.message ?? `the server answers ${request.status}`)));
    };
    request.send(form);
  });
}

export const query = (fields) => {
  const set = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return set.length ? `?${new URLSearchParams(set)}` : "";
};
