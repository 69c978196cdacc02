// Puts the parts together: what is shown, what is pressed, and what is typed.

import { $, h, say, icon, size, rate, note, openMenu } from "./dom.js";
import * as api from "./api.js";
import * as store from "./store.js";
import * as list from "./list.js";
import * as details from "./details.js";
import * as commands from "./commands.js";
import { Rates } from "./draw.js";
import { ask } from "./forms.js";
import { openAdd, linksIn } from "./add.js";
import { openSettings } from "./settings.js";

const { filter, order, rows } = store;
const traffic = new Rates();
const isPhone = matchMedia("(max-width: 760px)");
let isAlternative = false;

const chosen = () => [...list.selection];

// MARK: What is shown

let drawing = 0;
let drawnAt = 0;

/** Counting and sorting ten thousand rows is worth it some times a second, and not more. */
function changed() {
  if (drawing) return;
  drawing = setTimeout(() => {
    drawing = 0;
    drawnAt = performance.now();
    drawAll();
  }, Math.max(0, 500 - (performance.now() - drawnAt)));
}

function drawAll() {
  const visible = store.visible();
  // What is not to be seen is not selected either: nobody removes what a filter hides.
  const seen = new Set(visible.map((row) => row.id));
  for (const id of list.selection) if (!seen.has(id)) list.selection.delete(id);
  list.show(visible);
  drawFilters();
  drawSelected();
  const { down, up } = store.totals();
  document.title = down || up ? `↓ ${rate(down)} ↑ ${rate(up)} swarm` : "swarm";
  const { trouble } = store.connection;
  $("offline").hidden = !trouble;
  if (trouble) say($("offline"), `Not connected: ${trouble}. Trying again.`);
  drawEmpty(visible.length);
}

function drawEmpty(count) {
  const empty = $("empty");
  empty.hidden = !store.connection.isLoaded || count > 0;
  if (empty.hidden) return;
  empty.replaceChildren(...(rows.size
    ? [h("h2", {}, "Nothing fits the filter"), h("button", { onclick: clearFilter }, "Show all")]
    : [h("h2", {}, "No torrents yet"), 
      h("p", {}, "Drop a torrent file here, or paste a magnet link."),
      h("button", { class: "main", onclick: () => openAdd() }, "Add torrents")]));
}

function clearFilter() {
  Object.assign(filter, { text: "", state: "all", category: null, label: null, tracker: null });
  $("search").value = "";
  drawAll();
}

let drawnFilters = "";

function drawFilters() {
  const counts = store.choices();
  const groups = [["State", "state", Object.entries(store.states)
    .map(([key, [name]]) => [key, name, counts.state[key]])]];
  const others = [["Category", "category"], ["Label", "label"], ["Tracker", "tracker"]];
  for (const [title, kind] of others) {
    const choices = [...counts[kind]].sort(([a], [b]) => a.localeCompare(b));
    const isWorthIt = choices.some(([name]) => name !== "") || filter[kind] !== null;
    if (isWorthIt) {
      groups.push([title, kind, choices.slice(0, 200)
        .map(([name, count]) => [name, name || "None", count])]);
    }
  }
  const text = JSON.stringify([groups, filter]);
  if (text === drawnFilters) return;
  drawnFilters = text;
  const focused = document.activeElement?.closest("#filters button")?.dataset;
  $("filters").replaceChildren(...groups.map(([title, kind, choices]) =>
    h("section", { "aria-label": title }, kind === "state" ? null : h("h3", {}, title),
      choices.map(([key, name, count]) => {
        const isOn = filter[kind] === key;
        return h("button", { "aria-pressed": isOn, "data-kind": kind, "data-key": key, title: name,
          onclick: () => {
            filter[kind] = isOn && kind !== "state" ? null : key;
            drawAll();
          } }, h("span", {}, name), h("span", { class: "count" }, String(count)));
      }))));
  if (focused) {
    [...$("filters").querySelectorAll("button")].find(({ dataset }) =>
      dataset.kind === focused.kind && dataset.key === focused.key)?.focus();
  }
}

function drawSelected() {
  const count = list.selection.size;
  for (const button of document.querySelectorAll(".tools > button")) button.disabled = !count;
  const isChoosing = count > 0 && details.openID() === null;
  document.querySelector("main").classList.toggle("choosing", isChoosing);
  const shown = list.shownRows().length;
  say($("selected"), count > 1 || (count && isPhone.matches) ? `${count} selected`
    : shown === 1 ? "1 torrent" : `${shown.toLocaleString()} torrents`);
}

function drawRate(place, name, value) {
  if (!place.firstChild) place.append(icon(name), h("span"));
  say(place.lastChild, value > 0 ? rate(value) : "0 B/s");
}

function tick() {
  const { down, up } = store.totals();
  traffic.add(down, up);
  drawRate($("down-rate"), "down", down);
  drawRate($("up-rate"), "up", up);
  const most = traffic.draw($("graph"));
  $("graph").title = `The top is ${rate(most)}`;
  details.tick();
}

// MARK: The service

async function refreshSession() {
  try {
    const [session, settings] = await Promise.all([api.get("session"), api.get("settings")]);
    const { statistics = {}, version } = session;
    const places = session.folders ?? [];
    commands.names.categories = (settings.categories ?? []).map(({ name }) => name);
    commands.names.folders = [...new Set([settings.storage?.["download-folder"],
      ...(settings.categories ?? []).map(({ folder }) => folder)].filter(Boolean))];
    isAlternative = statistics.usesAlternativeLimits ?? false;
    $("alternative").setAttribute("aria-pressed", isAlternative);
    $("alternative").title = statistics.alternativeLimitsBy !== "schedule"
      ? "Alternative limits"
      : `Alternative limits: the schedule has them ${isAlternative ? "on" : "off"}`;
    const facts = [
      ...places.slice(0, 1).map(({ free }) => ["Free space", size(free)]),
      ["Received", size(statistics.allTime?.downloaded)],
      ["Sent", size(statistics.allTime?.uploaded)],
      ["Peers", statistics.peers], ["Port", session.port], ["Version", version],
    ].filter(([, value]) => value !== undefined && value !== null);
    $("facts").replaceChildren(...facts.flatMap(([name, value]) =>
      [h("dt", {}, name), h("dd", {}, String(value))]));
  } catch {
    // The list shows that there is no connection; this is asked again.
  }
}

async function toggleAlternative() {
  try {
    await api.patch("settings", { "limits.alternative": !isAlternative });
    await refreshSession();
    note(isAlternative ? "Alternative limits are on" : "Alternative limits are off");
  } catch (error) {
    note(error.message, true);
  }
}

api.onLogin(async (wasWrong) => {
  const { answer } = ask({
    title: "Log in", does: "Log in", mayLeave: false,
    body: wasWrong ? [h("p", { class: "bad-text" }, "That was not it.")] : [],
    fields: {
      kind: { label: "With", options: [["password", "Password"], ["token", "Token"]],
        value: "password" },
      secret: { kind: "password", label: "Secret", required: true, autofocus: true,
        autocomplete: "current-password" },
      remember: { kind: "check", label: "Remember on this device" },
    },
    act: (values) => ({
      authorization: values.kind === "token" ? `Bearer ${values.secret}`
        : api.passwordHeader(values.secret),
      remember: values.remember,
    }),
  });
  return answer;
});

// MARK: What is pressed

const queueMoves = [["top", "To the top of the queue"], ["up", "Up in the queue"],
  ["down", "Down in the queue"], ["bottom", "To the bottom of the queue"]];

const actions = {
  start: () => commands.run(chosen(), "start"),
  pause: () => commands.run(chosen(), "pause"),
  remove: () => commands.remove(chosen()),
};

const more = (ids) => [
  { label: "Options and labels…", key: "o", act: () => commands.options(ids) },
  { label: "Move…", key: "m", act: () => commands.move(ids) },
  ...(ids.length === 1 ? [{ label: "Rename…", act: () => commands.rename(ids[0]) },
    { label: "Trackers…", act: () => commands.trackers(ids[0]) }] : []),
  null,
  { label: "Start now", act: () => commands.run(ids, "start", { bypassingQueue: true }) },
  { label: "Recheck", act: () => commands.run(ids, "recheck") },
  { label: "Ask the trackers again", act: () => commands.run(ids, "reannounce") },
  null,
  ...queueMoves.map(([to, label]) =>
    ({ label, act: () => commands.run(ids, "queue", { move: to }) })),
];

function togglePause() {
  const ids = chosen();
  const areStill = ids.every((id) => ["paused", "failed"].includes(rows.get(id)?.state));
  return commands.run(ids, areStill ? "start" : "pause");
}

const keys = [
  ["j  ↓", "Next torrent; with Shift also select"], ["k  ↑", "The one before"],
  ["x", "Select or not"], ["Ctrl a", "Select all"], ["Enter", "Details"],
  ["Space", "Pause or start"], ["Del", "Remove"], ["n", "Add torrents"],
  ["o", "Options and labels"], ["m", "Move"], ["/", "Filter by name"], ["t", "Light or dark"],
  ["Esc", "Close, or select nothing"], ["?", "These keys"],
];

function showKeys() {
  ask({ title: "Keys", body: h("dl", { class: "keys" },
    keys.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)])) });
}

function openDetails(id) {
  if (details.openID() !== null) details.hide();
  details.show(id);
  drawSelected();
  requestAnimationFrame(() => list.moveTo(id));
}

const typed = {
  j: (event) => list.step(1, event.shiftKey ? "range" : "one"),
  k: (event) => list.step(-1, event.shiftKey ? "range" : "one"),
  PageDown: () => list.step(10), PageUp: () => list.step(-10),
  Home: () => list.step(-Infinity), End: () => list.step(Infinity),
  x: () => list.cursor.id !== null && list.moveTo(list.cursor.id, "toggle"),
  Enter: () => list.cursor.id !== null && openDetails(list.cursor.id),
  " ": togglePause, Delete: actions.remove, n: () => openAdd(),
  o: () => chosen().length && commands.options(chosen()),
  m: () => chosen().length && commands.move(chosen()),
  "/": () => $("search").select(), "?": showKeys, t: toggleTheme,
  Escape: () => (details.openID() === null ? list.select([]) : details.hide()),
};
typed.ArrowDown = typed.j;
typed.ArrowUp = typed.k;

function onKey(event) {
  const at = event.target;
  if (document.querySelector("dialog[open]")) return;
  if (at.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape" && at === $("search")) at.blur();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "a") {
    event.preventDefault();
    return void list.select(list.shownRows().map((row) => row.id));
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // A button that has the focus is pressed with these, and tabs are walked with arrows.
  const isElsewhere = at.closest("button, input, .panel");
  if (isElsewhere && /^( |Enter|Arrow.*|Page.*|Home|End)$/.test(event.key)) return;
  const act = typed[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act(event);
}

// MARK: Beginning

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("swarm.theme", root.dataset.theme);
  drawAll();
}

function takeDrops() {
  let depth = 0;
  const isFile = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  const over = (by) => {
    depth = by === 0 ? 0 : depth + by;
    $("drop").hidden = depth <= 0;
  };
  addEventListener("dragenter", (event) => isFile(event) && over(1));
  addEventListener("dragleave", (event) => isFile(event) && over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    const files = [...event.dataTransfer.files];
    const links = linksIn(event.dataTransfer.getData("text"));
    if (files.length || links.length) openAdd({ files, links });
  });
  addEventListener("paste", (event) => {
    if (event.target.matches?.("input, textarea")) return;
    const links = linksIn(event.clipboardData.getData("text"));
    if (links.length) openAdd({ links });
  });
}

function sortMenu() {
  for (const [name, [title]] of Object.entries(store.columns)) {
    $("sort").append(h("option", { value: name }, title));
  }
  $("sort").value = order.by;
  $("sort").onchange = () => list.sortBy($("sort").value, list.falls($("sort").value));
}

function begin() {
  const theme = localStorage.getItem("swarm.theme");
  if (theme) document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-icon]")) {
    button.prepend(icon(button.dataset.icon));
  }
  list.start({ selected: drawSelected, opened: openDetails, sorted: drawAll });
  details.start({ menu: (button, id) => openMenu($("more-menu"), button, [
    { label: "Start", act: () => commands.run([id], "start") },
    { label: "Pause", act: () => commands.run([id], "pause") },
    { label: "Remove…", act: () => commands.remove([id]) },
    null, ...more([id]),
  ]), closed: () => {
    if (isPhone.matches) list.select([]);
    drawSelected();
    $("list").focus({ preventScroll: true });
  } });
  sortMenu();
  takeDrops();
  for (const button of document.querySelectorAll("[data-do]")) {
    button.onclick = actions[button.dataset.do];
  }
  $("more").onclick = () => openMenu($("more-menu"), $("more"), more(chosen()));
  $("add").onclick = () => openAdd();
  $("settings").onclick = () => openSettings().then(refreshSession);
  $("alternative").onclick = toggleAlternative;
  $("theme").onclick = toggleTheme;
  $("help").onclick = showKeys;
  $("search").oninput = () => {
    filter.text = $("search").value;
    $("list").scrollTop = 0;
    drawAll();
  };
  $("open-filters").onclick = () => $("side").classList.toggle("open");
  addEventListener("click", (event) => {
    const isInside = event.target.closest("#side, #open-filters");
    if (!isInside || event.target.closest("#filters button")) {
      if (!event.target.closest("#open-filters")) $("side").classList.remove("open");
    }
  });
  addEventListener("keydown", onKey);
  tick();
  setInterval(tick, 1000);
  setInterval(() => document.hidden || refreshSession(), 10000);
  refreshSession();
  store.run(changed);
}

begin();
