// The settings that matter while the service runs. Those that take a restart, or decide over
// programs, folders and secrets, are for who writes its configuration file.

import { h, note } from "./dom.js";
import * as api from "./api.js";
import { ask } from "./forms.js";
import { categoryOptions } from "./commands.js";

const fields = {
  rates: { kind: "title", label: "Limits" },
  "limits.down": { kind: "rate", label: "Download" },
  "limits.up": { kind: "rate", label: "Upload" },
  "limits.alternative-down": { kind: "rate", label: "Alternative download" },
  "limits.alternative-up": { kind: "rate", label: "Alternative upload" },
  "limits.schedule": { kind: "list", label: "Alternative on", placeholder: "mon-fri 08:00-18:00",
    hint: "Days and times, separated by commas" },
  queues: { kind: "title", label: "Queue" },
  "queue.enabled": { kind: "check", label: "Torrents wait for their turn" },
  "queue.active-downloads": { kind: "number", label: "Fetching at once", step: 1 },
  "queue.active-seeds": { kind: "number", label: "Seeding at once", step: 1 },
  "queue.stalled-minutes": { kind: "number", label: "Minutes without a byte that free a place",
    step: 1 },
  ends: { kind: "title", label: "Seeding ends" },
  "seeding.ratio": { kind: "number", label: "At the ratio" },
  "seeding.time": { kind: "minutes", label: "After" },
  "seeding.idle": { kind: "minutes", label: "Idle for" },
  "seeding.action": { label: "Then",
    options: [["", "Pause"], ["remove", "Remove"], ["remove-with-data", "Remove with its files"]] },
  adding: { kind: "title", label: "New torrents" },
  "storage.download-folder": { label: "Folder" },
  "adding.category": { label: "Category" },
  "adding.paused": { kind: "check", label: "Add paused" },
  rest: { kind: "title", label: "Peers and disks" },
  "network.max-peers": { kind: "number", label: "Peers of all torrents", step: 1 },
  "network.max-peers-per-torrent": { kind: "number", label: "Peers of one torrent", step: 1 },
  "storage.minimum-free": { kind: "size", label: "Space to leave free" },
};

function valueOf(settings, name) {
  const value = name.split(".").reduce((at, key) => at?.[key], settings);
  if (value === "inherited") return null;
  return name === "seeding.action" && value === "pause" ? null : value ?? null;
}

/**
 * A button that lets the configuration decide again over what was changed here. What else was
 * typed and is not saved yet stays; `before` learns what is there now.
 */
function reset(name, before) {
  return h("button", { type: "button", class: "link", "data-reset": name,
    onclick: async ({ target }) => {
      try {
        await api.remove(`settings/${name}`);
        before[name] = valueOf(await api.get("settings"), name);
        target.closest("dialog").fields[name].set(before[name]);
        target.remove();
      } catch (error) {
        note(error.message, true);
      }
    } }, "As configured");
}

export async function openSettings() {
  let settings;
  let changed;
  try {
    const [all, session] = await Promise.all([api.get("settings"), api.get("session")]);
    settings = all;
    changed = new Set(session.changedSettings);
  } catch (error) {
    return note(error.message, true);
  }
  const before = {};
  const shown = {};
  for (const [name, it] of Object.entries(fields)) {
    before[name] = valueOf(settings, name);
    const hints = [it.hint, changed.has(name) ? reset(name, before) : null].filter(Boolean);
    shown[name] = { ...it, value: before[name], hint: hints.length ? hints : null };
  }
  shown["adding.category"].options = categoryOptions();
  return ask({
    title: "Settings", does: "Save", fields: shown,
    act: async (values) => {
      const changed = Object.entries(values).filter(([name, value]) =>
        JSON.stringify(value) !== JSON.stringify(before[name] ?? emptyOf(name)));
      if (changed.length) await api.patch("settings", Object.fromEntries(changed));
    },
  }).answer;
}

const emptyOf = (name) => ({ check: false, list: [], size: 0 }[fields[name].kind] ?? null);
