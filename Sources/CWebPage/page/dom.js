// Everything that makes elements is here. Words from torrents and peers are strangers' words: they
// only ever become text nodes and values, never markup.

const SVG = "http://www.w3.org/2000/svg";

const shapes = {
  add: "M8 3v10M3 8h10",
  start: "M5 3.5l7 4.5-7 4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  remove: "M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.6 9h5.8l.6-9M7 7v4M9 7v4",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  menu: "M2.5 4h11M4.5 8h7M6.5 12h3",
  gauge: "M2.5 12a6 6 0 1 1 11 0M8 9.5l3-3.5",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  keys: "M1.5 4.5h13v7.500h-13zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 9.700h6",
  settings: "M2.5 5h5M11.5 5h2M2.5 11h2M8.5 11h5M9.5 3v4M6.5 9v4",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3L5 8l5 5",
  open: "M6 4l4 4-4 4",
  down: "M8 3v10M4 9.500l4 4 4-4",
  up: "M8 13V3M4 6.500l4-4 4 4",
};

export const $ = (id) => document.getElementById(id);

/** An element. Of `properties`, `on…` are listeners, and `aria-…` and the like attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name.includes("-") || !(name in element)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  path.setAttribute("d", shapes[name]);
  svg.append(path);
  return svg;
}

/** Writes text only where it differs: most of what a list shows is as it was a second ago. */
export function say(element, text) {
  if ((element.firstChild?.data ?? "") !== text) element.textContent = text;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export const rate = (bytes) => (bytes > 0 ? `${size(bytes)}/s` : "–");
export const percent = (part) =>
  `${part >= 1 ? 100 : (Math.floor(part * 1000) / 10).toFixed(1)} %`;
export const ratio = (value) =>
  value === null || value === undefined ? "–" : value.toFixed(value < 10 ? 2 : 1);

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const steps = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = steps.findIndex(([length]) => seconds >= length);
  if (at < 0) return "0 s";
  const [length, unit] = steps[at];
  const whole = `${Math.floor(seconds / length)} ${unit}`;
  if (at > 1) return whole;
  const [next, name] = steps[at + 1];
  const rest = Math.floor((seconds % length) / next);
  return rest ? `${whole} ${rest} ${name}` : whole;
}

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
export const moment = (seconds) => (seconds ? moments.format(seconds * 1000) : "–");
const times = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
/** The time of what is of today, the day of all else. */
export function day(seconds) {
  if (!seconds) return "–";
  const isOfToday = seconds * 1000 >= new Date().setHours(0, 0, 0, 0);
  return (isOfToday ? times : days).format(seconds * 1000);
}

/** Says something to the user for a while; what went wrong stays until it is put away. */
export function note(text, isError = false) {
  const close = h("button", { class: "ghost", "aria-label": "Close", onclick: () => item.remove() },
    icon("close"));
  const item = h("div", { class: isError ? "note bad" : "note", role: isError ? "alert" : null },
    h("p", {}, text), close);
  const notes = $("notes");
  notes.append(item);
  while (notes.children.length > 4) notes.firstChild.remove();
  setTimeout(() => item.remove(), isError ? 15000 : 4000);
}

/** A list to pick from, beside the button that opened it. */
export function openMenu(menu, button, entries) {
  menu.replaceChildren(...entries.map((entry) => entry === null ? h("hr") : h("button", {
    role: "menuitem",
    onclick: () => {
      menu.hidePopover();
      entry.act();
    },
  }, entry.label, entry.key ? h("kbd", {}, entry.key) : null)));
  menu.showPopover();
  const at = button.getBoundingClientRect();
  const below = at.bottom + 4 + menu.offsetHeight < innerHeight;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(4, at.top - menu.offsetHeight - 4)}px`;
  menu.style.left = `${Math.max(4, Math.min(at.left, innerWidth - menu.offsetWidth - 8))}px`;
  menu.querySelector("button")?.focus();
  menu.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    event.stopPropagation();
    if (!step) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll("button")];
    const place = items.indexOf(document.activeElement) + step;
    items[(place + items.length) % items.length].focus();
  };
}
