// The list: as many row elements as fit the window, which are filled anew as it scrolls, so that
// ten thousand torrents cost what thirty do.

import { $, h, say, icon, size, rate, percent, ratio, duration, day } from "./dom.js";
import { columns, doneOf, order } from "./store.js";

const grid = $("list");
const body = $("rows");
/** Rows beyond each edge, so that a fast scroll meets no blank. */
const MARGIN = 6;

export const selection = new Set();
export const cursor = { id: null };
let shown = [];
let places = new Map();
let pool = [];
let anchor = null;
let hooks = { selected: () => {}, opened: () => {}, sorted: () => {} };

const rowHeight = () => parseFloat(getComputedStyle(grid).getPropertyValue("--row")) || 48;

/** In a list what is wrong stands behind it; elsewhere it has a place of its own. */
export function stateText(row, tellsTrouble = true) {
  const done = doneOf(row);
  const trouble = tellsTrouble ? row.error?.text : null;
  const and = (text) => (trouble ? `${text}: ${trouble}` : text);
  switch (row.state) {
    case "paused": return and("Paused");
    case "queued": return "Waiting for its turn";
    case "checking": return `Checking ${percent(done)}`;
    case "fetchingMetadata": return done > 0 ? `Asking peers what it is ${percent(done)}`
      : "Asking peers what it is";
    case "moving": return "Moving";
    case "waitingForStorage": return "Waiting for its disk";
    case "noSpace": return "No space left";
    case "failed": return trouble ?? "Failed";
    case "downloading":
      if (row.secondsLeft) return `Downloading, ${duration(row.secondsLeft)} left`;
      return and(row.peersConnected ? "Downloading" : "Looking for peers");
    default: return and(row.uploadRate > 0 ? "Seeding" : "Seeding, idle");
  }
}

/** How the state is drawn: with the accent, without, or as trouble. */
export function tone(row) {
  if (["failed", "waitingForStorage", "noSpace"].includes(row.state)) return "bad";
  if (row.state === "paused" || row.state === "queued") return "still";
  return row.state === "seeding" ? "done" : "live";
}

function makeRow() {
  const check = h("input", { type: "checkbox", tabIndex: -1, "aria-label": "Select" });
  const name = h("span", { class: "name" });
  const labels = h("span", { class: "labels" });
  const state = h("span", { class: "state" });
  const bar = h("span", { class: "fill" });
  const cell = (label) => h("span", { class: "cell", role: "gridcell", "data-of": label });
  const cells = { size: cell("size"), progress: cell("progress"), downloadRate: cell("down"),
    uploadRate: cell("up"), ratio: cell("ratio"), peers: cell("peers"), added: cell("added") };
  const element = h("div", { class: "row", role: "row" },
    h("span", { class: "check", role: "gridcell" }, check),
    h("span", { class: "what", role: "gridcell" },
      h("span", { class: "first" }, name, labels), h("span", { class: "bar-line" }, bar), state),
    Object.values(cells));
  return { element, check, name, labels, state, bar, cells, id: null, labelsText: null };
}

function fill(slot, row, place, height) {
  const { element, cells } = slot;
  const isSelected = selection.has(row.id);
  slot.id = row.id;
  element.id = `torrent-${row.id}`;
  element.dataset.id = row.id;
  element.dataset.tone = tone(row);
  element.setAttribute("aria-rowindex", place + 2);
  element.setAttribute("aria-selected", isSelected);
  element.classList.toggle("cursor", cursor.id === row.id);
  element.style.transform = `translateY(${place * height}px)`;
  slot.check.checked = isSelected;
  say(slot.name, row.name);
  slot.name.title = row.name;
  const labels = [row.category, ...(row.labels ?? [])].filter(Boolean);
  if (slot.labelsText !== labels.join("\n")) {
    slot.labelsText = labels.join("\n");
    slot.labels.replaceChildren(...labels.map((label) => h("span", { class: "tag" }, label)));
  }
  const done = doneOf(row);
  slot.bar.style.transform = `scaleX(${done})`;
  say(slot.state, stateText(row));
  say(cells.size, row.content ? size(row.bytesWanted) : "–");
  say(cells.progress, percent(done));
  say(cells.downloadRate, row.downloadRate ? rate(row.downloadRate) : "");
  say(cells.uploadRate, row.uploadRate ? rate(row.uploadRate) : "");
  say(cells.ratio, ratio(row.ratio));
  say(cells.peers, `${row.seedsConnected} · ${row.peersConnected}`);
  cells.peers.title = `${row.seedsConnected} of ${row.peersConnected} peers have everything`;
  say(cells.added, day(row.added));
}

export function draw() {
  const height = rowHeight();
  const head = $("head").offsetHeight;
  const first = Math.max(0, Math.floor(grid.scrollTop / height) - MARGIN);
  const last = Math.min(shown.length,
    Math.ceil((grid.scrollTop + grid.clientHeight - head) / height) + MARGIN);
  while (pool.length < last - first) {
    const slot = makeRow();
    pool.push(slot);
    body.append(slot.element);
  }
  // A row keeps its element while it is in sight, so that focus and hover do not jump.
  const free = new Map(pool.map((slot) => [slot.id, slot]));
  const taken = new Map();
  const busy = new Set();
  for (let place = first; place < last; place += 1) {
    const slot = free.get(shown[place].id);
    if (!slot) continue;
    taken.set(place, slot);
    busy.add(slot);
  }
  const rest = pool.filter((slot) => !busy.has(slot));
  for (let place = first; place < last; place += 1) {
    const slot = taken.get(place) ?? rest.pop();
    slot.element.hidden = false;
    fill(slot, shown[place], place, height);
  }
  for (const slot of rest) {
    slot.element.hidden = true;
    slot.element.removeAttribute("id");
    slot.id = null;
  }
  drawBox();
  const isInSight = places.get(cursor.id) >= first && places.get(cursor.id) < last;
  if (isInSight) grid.setAttribute("aria-activedescendant", `torrent-${cursor.id}`);
  else grid.removeAttribute("aria-activedescendant");
}

/** The box above the others says what they say. */
function drawBox() {
  const box = $("head").querySelector("input");
  box.checked = shown.length > 0 && selection.size === shown.length;
  box.indeterminate = selection.size > 0 && !box.checked;
}

export function show(rows) {
  shown = rows;
  places = new Map(rows.map((row, place) => [row.id, place]));
  body.style.height = `${rows.length * rowHeight()}px`;
  grid.setAttribute("aria-rowcount", rows.length + 1);
  draw();
}

export const shownRows = () => shown;

function changedSelection() {
  draw();
  hooks.selected();
}

export function select(ids) {
  selection.clear();
  for (const id of ids) selection.add(id);
  changedSelection();
}

function toggle(id) {
  if (!selection.delete(id)) selection.add(id);
}

function selectRange(id) {
  const [from, to] = [places.get(anchor) ?? 0, places.get(id)].sort((a, b) => a - b);
  selection.clear();
  for (const row of shown.slice(from, to + 1)) selection.add(row.id);
}

/** Moves to a row, and selects it alone, with those between, or not at all. */
export function moveTo(id, how = "one") {
  const place = places.get(id);
  if (place === undefined) return;
  cursor.id = id;
  if (how === "range") selectRange(id);
  else anchor = id;
  if (how === "toggle") toggle(id);
  if (how === "one") {
    selection.clear();
    selection.add(id);
  }
  const [height, head] = [rowHeight(), $("head").offsetHeight];
  const [top, bottom] = [place * height, (place + 1) * height];
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (bottom > grid.scrollTop + grid.clientHeight - head) {
    grid.scrollTop = bottom - grid.clientHeight + head;
  }
  changedSelection();
}

export function step(by, how) {
  const at = places.get(cursor.id);
  const place = at === undefined ? 0 : Math.max(0, Math.min(shown.length - 1, at + by));
  if (shown[place]) moveTo(shown[place].id, how);
}

function drawHead() {
  const shownColumns = Object.entries(columns).filter(([name]) => name !== "queue");
  const cells = shownColumns.map(([name, [title]]) => {
    const isSorted = order.by === name;
    const direction = order.isDescending ? "descending" : "ascending";
    const button = h("button", { onclick: () => sortBy(name) }, title,
      isSorted ? icon(order.isDescending ? "down" : "up") : null);
    return h("span", { class: name === "name" ? "what" : "cell", role: "columnheader",
      "data-of": { downloadRate: "down", uploadRate: "up" }[name] ?? name,
      "aria-sort": isSorted ? direction : "none" }, button);
  });
  const all = h("input", { type: "checkbox", "aria-label": "Select all",
    onchange: () => select(all.checked ? shown.map((row) => row.id) : []) });
  $("head").replaceChildren(h("span", { class: "check", role: "columnheader" }, all), ...cells);
  drawBox();
}

/** What is big, new or fast is looked for first, and names from A. */
export const falls = (name) => !["name", "queue"].includes(name);

export function sortBy(name, isDescending) {
  order.isDescending = isDescending
    ?? (order.by === name ? !order.isDescending : falls(name));
  order.by = name;
  drawHead();
  hooks.sorted();
}

export function start(given) {
  hooks = given;
  drawHead();
  let isDue = false;
  const later = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  };
  grid.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(() => show(shown)).observe(grid);
  body.addEventListener("click", (event) => {
    const element = event.target.closest(".row");
    if (!element) return;
    const id = Number(element.dataset.id);
    // The keys are for the list, and not for the box that was clicked.
    grid.focus({ preventScroll: true });
    if (event.target.closest(".check")) moveTo(id, event.shiftKey ? "range" : "toggle");
    else if (event.ctrlKey || event.metaKey) moveTo(id, "toggle");
    else if (event.shiftKey) moveTo(id, "range");
    else {
      moveTo(id);
      hooks.opened(id);
    }
  });
}
