// The torrents as the service has told them, and which of them are to be seen in which order.

import * as api from "./api.js";

/** What a list needs; the rest of a row comes with its details. */
const FIELDS = ["id", "infoHash", "name", "folder", "state", "error", "content", "bytesWanted",
  "bytesDone", "progress", "downloaded", "uploaded", "downloadRate", "uploadRate",
  "peersConnected", "seedsConnected", "added", "completed", "labels", "category", "queuePosition",
  "tracker", "ratio", "secondsLeft"].join(",");

export const rows = new Map();
export const connection = { isOpen: false, isLoaded: false, trouble: null };
export const filter = { text: "", state: "all", category: null, label: null, tracker: null };
export const order = { by: "added", isDescending: true };

let revision = 0;
let wake = () => {};

const isActive = (row) => row.downloadRate > 0 || row.uploadRate > 0;
const hasTrouble = (row) => ["failed", "waitingForStorage", "noSpace"].includes(row.state)
  || (row.error !== null && row.error !== undefined);

export const states = {
  all: ["All", () => true],
  active: ["Active", isActive],
  downloading: ["Downloading", (row) => ["downloading", "fetchingMetadata"].includes(row.state)],
  seeding: ["Seeding", (row) => row.state === "seeding"],
  paused: ["Paused", (row) => row.state === "paused"],
  waiting: ["Waiting", (row) => ["queued", "checking", "moving"].includes(row.state)],
  trouble: ["Trouble", hasTrouble],
};

export const columns = {
  name: ["Name", (row) => row.name],
  size: ["Size", (row) => row.bytesWanted],
  progress: ["Done", doneOf],
  downloadRate: ["Down", (row) => row.downloadRate],
  uploadRate: ["Up", (row) => row.uploadRate],
  ratio: ["Ratio", (row) => row.ratio ?? -1],
  peers: ["Peers", (row) => row.peersConnected],
  added: ["Added", (row) => row.added],
  queue: ["Queue", (row) => row.queuePosition],
};

/** Of its content; of the metadata or the check while that is what goes on. */
export function doneOf(row) {
  if (["checking", "fetchingMetadata", "moving"].includes(row.state)) return row.progress ?? 0;
  if (!row.content) return 0;
  return row.bytesWanted > 0 ? row.bytesDone / row.bytesWanted : 1;
}

const hosts = new Map();

export function trackerHost(row) {
  const url = row.tracker;
  if (!url) return null;
  let host = hosts.get(url);
  if (host === undefined) {
    try {
      host = new URL(url.replace(/^[a-z0-9]+:/i, "http:")).hostname;
    } catch {
      host = url;
    }
    hosts.set(url, host);
  }
  return host;
}

const asked = {
  text: (row, words) => words.length === 0 || hasAll(row.name.toLowerCase(), words),
  state: (row) => states[filter.state][1](row),
  category: (row) => filter.category === null || (row.category ?? "") === filter.category,
  label: (row) => filter.label === null || (row.labels?.includes(filter.label) ?? false),
  tracker: (row) => filter.tracker === null || trackerHost(row) === filter.tracker,
};
const hasAll = (name, words) => words.every((word) => name.includes(word));
const questions = Object.values(asked);

const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** The rows to show, in order. */
export function visible() {
  const words = wordsOf(filter.text);
  const key = columns[order.by][1];
  const sign = order.isDescending ? -1 : 1;
  const found = [];
  for (const row of rows.values()) {
    if (questions.every((holds) => holds(row, words))) found.push([key(row), row]);
  }
  const compare = order.by === "name"
    ? ([a], [b]) => collator.compare(a, b)
    : ([a], [b]) => a - b;
  found.sort((a, b) => sign * (compare(a, b) || a[1].id - b[1].id));
  return found.map(([, row]) => row);
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** How many rows each choice of each filter would show. */
export function choices() {
  const words = wordsOf(filter.text);
  const found = { state: {}, category: new Map(), label: new Map(), tracker: new Map() };
  for (const name of Object.keys(states)) found.state[name] = 0;
  const count = (map, name) => map.set(name, (map.get(name) ?? 0) + 1);
  const tests = Object.entries(states);
  for (const row of rows.values()) {
    // A choice of one filter is counted among the rows that all the others let through.
    const no = Object.keys(asked).filter((name) => !asked[name](row, words));
    if (no.length > 1 || no[0] === "text") continue;
    const counts = (name) => no.length === 0 || no[0] === name;
    if (counts("state")) {
      for (const [name, [, holds]] of tests) if (holds(row)) found.state[name] += 1;
    }
    if (counts("category")) count(found.category, row.category ?? "");
    if (counts("label")) for (const label of row.labels ?? []) count(found.label, label);
    const host = trackerHost(row);
    if (host && counts("tracker")) count(found.tracker, host);
  }
  return found;
}

export function totals() {
  let [down, up] = [0, 0];
  for (const row of rows.values()) {
    down += row.downloadRate;
    up += row.uploadRate;
  }
  return { down, up };
}

/** Who stood behind them in the queue moves up: no service tells that of ten thousand. */
export function remove(ids) {
  const places = [];
  for (const id of ids) {
    const row = rows.get(id);
    if (row) places.push(row.queuePosition);
    rows.delete(id);
  }
  if (!places.length) return;
  places.sort((a, b) => a - b);
  for (const row of rows.values()) row.queuePosition -= countBelow(places, row.queuePosition);
}

function countBelow(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function loadAll() {
  const answer = await api.get(`torrents?fields=${FIELDS}`);
  rows.clear();
  for (const row of answer.torrents) rows.set(row.id, row);
  revision = answer.revision;
  connection.isLoaded = true;
  wake();
}

async function loadAtLast() {
  for (;;) {
    try {
      return await loadAll();
    } catch (error) {
      connection.trouble = error.message;
      wake();
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
  }
}

/** Takes everything, and then what changes. `changed` is called after each. */
export async function run(changed) {
  wake = changed;
  await loadAtLast();
  let wasOpen = false;
  await api.follow(`events?fields=${FIELDS}`, () => revision, async (name, data) => {
    if (name === "resync") return loadAll();
    if (name !== "changes") return undefined;
    remove(data.removed.map((gone) => gone.id ?? gone));
    for (const row of data.changed) {
      rows.set(row.id, Object.assign(rows.get(row.id) ?? { labels: [] }, row));
    }
    revision = data.revision;
    return wake();
  }, async (isOpen) => {
    connection.isOpen = isOpen;
    connection.trouble = isOpen ? null : "no answer";
    wake();
    // It may be another run of the service, which counts from the beginning.
    if (isOpen && wasOpen) await loadAtLast();
    wasOpen ||= isOpen;
  });
}
