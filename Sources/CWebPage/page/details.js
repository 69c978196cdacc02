// One torrent in all its parts. Only the part that is looked at is asked for, every two seconds.

import { $, h, icon, say, size, rate, percent, ratio, duration, moment, note } from "./dom.js";
import * as api from "./api.js";
import { rows, doneOf } from "./store.js";
import { stateText } from "./list.js";
import { Tree } from "./files.js";
import { Rates, bytesOf, drawPieces } from "./draw.js";
import { closeButton } from "./forms.js";
import * as commands from "./commands.js";

const PAUSE = 2000;
const panel = $("details");

const flags = {
  D: "it sends to us", d: "we want of it, and it chokes us", K: "it unchokes us, we want nothing",
  U: "we send to it", u: "it wants of us, and we choke it", "?": "we unchoke it, it wants nothing",
  O: "tried because it may be fast", S: "snubbed: it has not sent for long", I: "it dialled us",
  H: "found in the DHT", X: "told of by a peer", L: "found on the local network",
  E: "encrypted", e: "encrypted handshake", P: "by µTP",
};

let open = null;
let part = "overview";
let timer = 0;
let hooks = { closed: () => {}, menu: () => {} };

const pairs = (list) => h("dl", { class: "pairs" },
  list.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
const none = (text) => h("p", { class: "none" }, text);

function table(heads, lines) {
  return h("table", {},
    h("thead", {}, h("tr", {}, heads.map(([name, kind]) => h("th", { class: kind }, name)))),
    h("tbody", {}, lines.map((cells) =>
      h("tr", {}, cells.map((cell, at) => h("td", { class: heads[at][1] }, cell))))));
}

const overview = {
  async load() {
    return api.get(`torrents/${open.id}`);
  },
  make() {
    const canvas = h("canvas", { role: "img" });
    const [facts, legend, buttons] = [h("div", { class: "facts" }), h("p", { class: "soft" }),
      h("p", { class: "buttons" })];
    return { canvas, facts, legend, buttons, element: h("div", { class: "overview" }, facts,
      h("div", { class: "now" }, canvas, legend, buttons)) };
  },
  draw(view, row) {
    const done = doneOf(row);
    const limit = (value) => (value ? rate(value) : "none");
    view.facts.replaceChildren(
      pairs([
        ["State", stateText(row, false)],
        ["Trouble", row.error?.text],
        ["Done", row.content ? `${percent(done)}, ${size(row.bytesDone)} of ${
          size(row.bytesWanted)}` : percent(done)],
        ["Content", row.content ? `${size(row.content.length)} in ${
          row.content.fileCount === 1 ? "1 file" : `${row.content.fileCount} files`}`
          : "not known yet"],
        ["Pieces", row.content ? `${row.content.pieceCount} of ${
          size(row.content.pieceLength)}` : null],
        ["Folder", row.folder],
      ]),
      pairs([
        ["Received", size(row.downloaded)],
        ["Sent", `${size(row.uploaded)}, ratio ${ratio(row.ratio)}`],
        ["Wasted", row.wasted ? size(row.wasted) : null],
        ["Peers", `${row.peersConnected} connected, ${row.seedsConnected} of them complete; ${
          row.peersKnown ?? 0} known`],
        ["Swarm", row.seedsInSwarm === null || row.seedsInSwarm === undefined ? null
          : `${row.seedsInSwarm} complete, ${row.leechersInSwarm ?? 0} not`],
        ["Limits", `down ${limit(row.downloadLimit)}, up ${limit(row.uploadLimit)}`],
        ["Category", row.category],
        ["Labels", (row.labels ?? []).join(", ")],
      ]),
      pairs([
        ["Added", moment(row.added)],
        ["Completed", row.completed ? moment(row.completed) : null],
        ["Last active", row.lastActive ? moment(row.lastActive) : null],
        ["Time", `${duration(row.secondsDownloading)} fetching, ${
          duration(row.secondsSeeding)} seeding`],
        ["Created by", row.creator], ["Comment", row.comment],
        ["Private", row.isPrivate ? "yes" : null],
        ["Info-hash", row.infoHash],
      ]),
    );
    if (!view.buttons.firstChild) {
      view.buttons.append(h("button", { onclick: copyMagnet }, "Copy magnet link"),
        h("button", { onclick: () => saveTorrent(row) }, "Save torrent file"));
    }
    view.buttons.lastChild.hidden = !row.content;
    overview.tick(view);
  },
  tick(view) {
    const most = open.rates.draw(view.canvas);
    const row = rows.get(open.id);
    const text = `Down ${rate(row?.downloadRate)}, up ${rate(row?.uploadRate)}`;
    view.canvas.setAttribute("aria-label", text);
    view.canvas.title = `The top is ${rate(most)}`;
    say(view.legend, text);
  },
};

async function copyMagnet() {
  try {
    const { magnet } = await api.get(`torrents/${open.id}/magnet`);
    await navigator.clipboard.writeText(magnet);
    note("The magnet link is copied");
  } catch (error) {
    note(error.message, true);
  }
}

function saveTorrent(row) {
  api.download(`torrents/${open.id}/manifest`, `${row.name}.torrent`)
    .catch((error) => note(error.message, true));
}

const files = {
  load: () => api.get(`torrents/${open.id}/files`).then((answer) => answer.files),
  draw(view, list) {
    if (view.tree) return void view.tree.update(list);
    if (!list.length) return void view.element.replaceChildren(none("Not known yet."));
    view.tree = new Tree(list, { changed: changeFiles });
    return void view.element.replaceChildren(view.tree.element);
  },
};

async function changeFiles(list, { isWanted, priority }) {
  const each = (value) => Object.fromEntries(list.map((file) => [file.index, value]));
  const change = { wanted: each(isWanted) };
  if (priority) change.filePriorities = each(priority);
  try {
    await api.patch(`torrents/${open.id}`, change);
  } catch (error) {
    note(error.message, true);
  }
}

const peers = {
  load: () => api.get(`torrents/${open.id}/peers`).then((answer) => answer.peers),
  draw(view, list) {
    if (!list.length) return void view.element.replaceChildren(none("No peers are connected."));
    const all = new Set(list.flatMap((peer) => [...peer.flags]));
    const used = Object.keys(flags).filter((flag) => all.has(flag));
    const heads = [["Address"], ["Client"], ["Flags"], ["Has", "number"], ["Down", "number"],
      ["Up", "number"], ["Received", "number"], ["Sent", "number"], ["Told by"]];
    list.sort((a, b) => b.rateToUs + b.rateToPeer - a.rateToUs - a.rateToPeer);
    return void view.element.replaceChildren(
      table(heads, list.map((peer) => [
        peer.endpoint, peer.client || h("span", { class: "soft" }, "unknown"),
        h("span", { class: "flags" }, [...peer.flags].map((flag) =>
          h("span", { title: flags[flag] ?? "" }, flag))),
        percent(peer.progress), rate(peer.rateToUs), rate(peer.rateToPeer),
        size(peer.downloaded), size(peer.uploaded), peer.sources.join(", "),
      ])),
      h("p", { class: "legend" }, used.map((flag) => h("span", {}, h("b", {}, flag), " ",
        flags[flag]))));
  },
};

const until = (seconds) => {
  const left = Math.round(seconds - Date.now() / 1000);
  return seconds ? (left > 0 ? `in ${duration(left)}` : "now") : "–";
};

const trackers = {
  load: () => api.get(`torrents/${open.id}/trackers`).then((answer) => answer.trackers),
  make() {
    const list = h("div");
    const { id } = open;
    return { list, element: h("div", {}, list, h("p", { class: "below" }, h("button", {
      "data-do": "trackers", onclick: () => commands.trackers(id).then(refresh) }, "Change…"))) };
  },
  draw(view, list) {
    const heads = [["Tier", "number"], ["Tracker", "long"], ["State"], ["Seeds", "number"],
      ["Leechers", "number"], ["Next", "number"], ["It says", "long"]];
    view.list.replaceChildren(list.length ? table(heads, list.map((one) => [
      one.tier + 1, one.url,
      h("span", { class: one.state === "failed" ? "bad-text" : "" }, one.state),
      one.seeds ?? "–", one.leechers ?? "–", until(one.nextAnnounce), one.message ?? "",
    ])) : none("It has no trackers."));
  },
};

const pieces = {
  load: () => api.get(`torrents/${open.id}/pieces`),
  make() {
    const canvas = h("canvas", { role: "img" });
    const swatch = (kind, text) => h("span", {}, h("i", { class: `swatch ${kind}` }), text);
    const text = h("span");
    return { canvas, text, element: h("div", { class: "pieces" },
      h("p", { class: "legend" }, text, swatch("here", "here"), swatch("near", "peers have it"),
        swatch("", "missing")), canvas) };
  },
  draw(view, map) {
    const [bits, copies] = [bytesOf(map.have), bytesOf(map.availability)];
    const has = (piece) => ((bits[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0;
    let here = 0;
    let fewest = 255;
    let more = 0;
    for (let piece = 0; piece < map.count; piece += 1) here += has(piece) ? 1 : 0;
    for (const count of copies) fewest = Math.min(fewest, count);
    for (const count of copies) more += count > fewest ? 1 : 0;
    const near = copies.length ? (fewest + more / copies.length).toFixed(2) : "0";
    const text = map.count ? `${here} of ${map.count} pieces are here; peers have ${near} copies`
      : "What it holds is not known yet";
    say(view.text, text);
    view.canvas.setAttribute("aria-label", text);
    drawPieces(view.canvas, map.count, has, copies);
  },
};

const why = {
  load: () => api.get(`torrents/${open.id}/why`).then((answer) => answer.reasons),
  draw(view, list) {
    view.element.replaceChildren(list.length
      ? h("ol", { class: "reasons" }, list.map((reason) => h("li", {}, h("span", {}, reason.text),
        h("span", { class: "count" }, reason.count > 0 ? `${reason.count} ×` : ""))))
      : none("Nothing holds it up."));
  },
};

const parts = { overview: ["Overview", overview], files: ["Files", files],
  peers: ["Peers", peers], trackers: ["Trackers", trackers], pieces: ["Pieces", pieces],
  why: ["Why", why] };

async function refresh() {
  clearTimeout(timer);
  const [asked, view] = [open, open?.view];
  if (!asked) return;
  try {
    if (!document.hidden) {
      const answer = await parts[part][1].load();
      if (open !== asked || open.view !== view) return;
      parts[part][1].draw(view, answer);
    }
  } catch (error) {
    if (open !== asked || open.view !== view) return;
    if (error.status === 404) return void hide();
    view.element.replaceChildren(none(error.message));
    open.view = null;
    return void setTimeout(() => open === asked && !open.view && choose(part), PAUSE);
  }
  if (open === asked && open.view === view) timer = setTimeout(refresh, PAUSE);
}

function choose(name) {
  part = name;
  for (const tab of panel.querySelectorAll("[role=tab]")) {
    const isIt = tab.dataset.part === name;
    tab.setAttribute("aria-selected", isIt);
    tab.tabIndex = isIt ? 0 : -1;
  }
  open.view = parts[name][1].make?.() ?? { element: h("div") };
  const place = panel.querySelector(".panel");
  place.setAttribute("aria-label", parts[name][0]);
  place.replaceChildren(open.view.element);
  refresh();
}

export const openID = () => open?.id ?? null;

export function show(id) {
  const row = rows.get(id);
  if (!row || open?.id === id) return;
  open = { id, rates: new Rates(180), view: null };
  const tabs = h("div", { class: "tabs", role: "tablist", onkeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = Object.keys(parts);
    choose(names[(names.indexOf(part) + step + names.length) % names.length]);
    tabs.querySelector("[aria-selected=true]").focus();
  } }, Object.entries(parts).map(([name, [title]]) => h("button", { role: "tab",
    "data-part": name, onclick: () => choose(name) }, title)));
  panel.replaceChildren(h("header", {},
    h("button", { class: "ghost phone", "aria-label": "Back", onclick: hide }, icon("back")),
    h("h2", { title: row.name }, row.name),
    h("button", { class: "ghost", "aria-label": "What to do with it", "aria-haspopup": "menu",
      "data-icon": "more", onclick: (event) => hooks.menu(event.currentTarget, id) }, icon("more")),
    closeButton(hide, "Close details")),
  tabs, h("div", { class: "panel", role: "tabpanel", tabIndex: 0 }));
  panel.hidden = false;
  choose(part);
}

export function hide() {
  if (!open) return;
  open = null;
  clearTimeout(timer);
  panel.hidden = true;
  panel.replaceChildren();
  hooks.closed();
}

/** Once a second: rates are drawn as they come, and names may change. */
export function tick() {
  if (!open) return;
  const row = rows.get(open.id);
  if (!row) return void hide();
  say(panel.querySelector("h2"), row.name);
  open.rates.add(row.downloadRate, row.uploadRate);
  if (part === "overview" && open.view?.facts?.isConnected) overview.tick(open.view);
}

export function start(given) {
  hooks = given;
}
