// What the page says to the service. The password or token goes into a header of each request, and
// nowhere else; events come by fetch too, because EventSource cannot send that header.

const root = new URL("api/v1/", document.baseURI);
const STORED = "swarm.authorization";
let authorization = sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED);
let login = null;
/** Done when the service has let us in; all other requests wait for that. */
let proof = null;

export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** `ask(wasWrong)` promises `{ authorization, remember }`, once the user has said it. */
export function onLogin(ask) {
  login = ask;
}

const authorized = () => (authorization ? { Authorization: authorization } : {});

/** Asks until the service takes what the user gave: one request, as wrong ones are counted. */
async function prove() {
  for (let wasWrong = authorization !== null; ; wasWrong = true) {
    const response = await fetch(new URL("session", root),
      { credentials: "omit", cache: "no-store", headers: authorized() });
    if (response.status !== 401) return;
    const answer = await login(wasWrong);
    authorization = answer.authorization;
    sessionStorage.removeItem(STORED);
    localStorage.removeItem(STORED);
    (answer.remember ? localStorage : sessionStorage).setItem(STORED, authorization);
  }
}

async function proven() {
  proof ??= prove();
  try {
    await proof;
  } catch (error) {
    proof = null;
    throw error;
  }
}

/** Basic wants bytes of UTF-8; `btoa` takes one byte a letter. */
export const passwordHeader = (password) =>
  `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`swarm:${password}`)))}`;

async function send(method, path, { body, headers = {}, signal } = {}) {
  for (;;) {
    await proven();
    const used = proof;
    const response = await fetch(new URL(path, root), {
      method, signal, credentials: "omit", cache: "no-store",
      headers: {
        ...headers,
        ...authorized(),
        ...(method === "GET" ? {} : { "X-Swarm-Request": "page" }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.ok) return response;
    if (response.status === 401) {
      // Another request may have noticed before us.
      if (proof === used) proof = null;
      continue;
    }
    let error = {};
    try {
      error = (await response.json()).error ?? {};
    } catch {
      // The body says nothing that we understand; its status does.
    }
    throw new Refusal(response.status, error.code ?? "failed",
      error.message ?? `${response.status} ${response.statusText}`);
  }
}

async function json(method, path, body, more) {
  const response = await send(method, path, { body, ...more });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

export const get = (path, more) => json("GET", path, undefined, more);
export const post = (path, body = {}) => json("POST", path, body);
export const patch = (path, body) => json("PATCH", path, body);
export const remove = (path) => json("DELETE", path);

/**
 * Follows the events until told to stop, over breaks of the connection: `told(name, data)`.
 * `since()` is the revision that is known; `changed(isConnected)` hears how it goes.
 */
export async function follow(path, since, told, changed) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
    try {
      const response = await send("GET", path, {
        headers: { Accept: "text/event-stream", "Last-Event-ID": String(since()) },
      });
      await changed(true);
      wait = 500;
      await read(response.body.pipeThrough(new TextDecoderStream()), told);
    } catch {
      // The loop tries again.
    }
    changed(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function read(stream, told) {
  let rest = "";
  let name = "message";
  let data = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length) await told(name, JSON.parse(data.join("\n")));
        name = "message";
        data = [];
      } else if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
    }
  }
}

export function saveBytes(name, bytes) {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/x-bittorrent" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export async function download(path, name) {
  const response = await send("GET", path);
  saveBytes(name, await response.arrayBuffer());
}
