// What can be done to torrents.

import { note } from "./dom.js";
import * as api from "./api.js";
import { rows } from "./store.js";
import { ask } from "./forms.js";

const many = (ids) =>
  (ids.length === 1 ? `“${rows.get(ids[0])?.name}”` : `${ids.length} torrents`);

async function act(ids, action, more = {}) {
  if (ids.length) await api.post("torrents/actions", { ids, action, ...more });
}

const quietly = (promise) => promise.catch((error) => note(error.message, true));

/** Without a question. */
export function run(ids, action, more) {
  return quietly(act(ids, action, more));
}

export function remove(ids) {
  if (!ids.length) return null;
  return ask({
    title: `Remove ${many(ids)}?`, does: "Remove", isDanger: true,
    fields: { data: { kind: "check", label: "Delete the files too. This cannot be undone." } },
    act: ({ data }) => act(ids, "remove", { deletingData: data }),
  }).answer;
}

export function move(ids) {
  return ask({
    title: `Move ${many(ids)}`, does: "Move",
    fields: {
      folder: { label: "To the folder", value: rows.get(ids[0])?.folder, required: true },
      moves: { kind: "check", label: "Move the files that are there", value: true },
    },
    act: ({ folder, moves }) => act(ids, "move", { folder, movingData: moves }),
  }).answer;
}

/** One torrent: the folder, or the one file, that its content is in. */
export async function rename(id) {
  try {
    const { files } = await api.get(`torrents/${id}/files`);
    if (!files.length) return note("What it holds is not known yet", true);
    const [path] = files[0].path.split("/");
    return await ask({
      title: `Rename “${rows.get(id)?.name}”`, does: "Rename",
      fields: { name: { label: "New name", value: path, required: true, autofocus: true } },
      act: ({ name }) => api.post(`torrents/${id}/rename`, { path, name }),
    }).answer;
  } catch (error) {
    return note(error.message, true);
  }
}

/** A tier is what stands between empty lines. */
const tiersIn = (text) => text.split(/\n[ \t]*\n/)
  .map((part) => part.split("\n").map((line) => line.trim()).filter(Boolean))
  .filter((tier) => tier.length);

/** One torrent: who is asked for peers. */
export async function trackers(id) {
  try {
    const answer = await api.get(`torrents/${id}/trackers`);
    const tiers = [];
    for (const { tier, url } of answer.trackers) (tiers[tier] ??= []).push(url);
    const value = tiers.filter(Boolean).map((tier) => tier.join("\n")).join("\n\n");
    return await ask({
      title: `Trackers of “${rows.get(id)?.name}”`, does: "Apply",
      fields: { list: { kind: "area", label: "Trackers", value, spellcheck: false, autofocus: true,
        hint: "One in a line; an empty line begins those that are asked where these fail" } },
      act: ({ list }) => act([id], "change", { changes: { trackers: tiersIn(list) } }),
    }).answer;
  } catch (error) {
    return note(error.message, true);
  }
}

export const names = { categories: [], folders: [] };
export const categoryOptions = () =>
  [["", "None"], ...names.categories.map((name) => [name, name])];

/** The value that all have, or none. */
function shared(list, read) {
  const values = new Set(list.map((row) => JSON.stringify(read(row) ?? null)));
  return values.size === 1 ? JSON.parse([...values][0]) : undefined;
}

const seeding = { placeholder: "as everybody; or a number, or none" };
const yesNo = [["", "As they are"], ["yes", "Yes"], ["no", "No"]];
const yes = (value) => (value === null ? undefined : value === "yes");

export async function options(ids) {
  let list;
  try {
    list = await Promise.all(ids.slice(0, 20).map((id) => api.get(`torrents/${id}`)));
  } catch (error) {
    return note(error.message, true);
  }
  const before = {
    labels: shared(list, (row) => row.labels) ?? null,
    category: shared(list, (row) => row.category) ?? null,
    priority: shared(list, (row) => row.priority) ?? null,
    downloadLimit: shared(list, (row) => row.downloadLimit) ?? null,
    uploadLimit: shared(list, (row) => row.uploadLimit) ?? null,
    peersMax: shared(list, (row) => row.peersMax) ?? null,
  };
  const limits = shared(list, (row) => row.seedingLimits) ?? {};
  return ask({
    title: `Options of ${many(ids)}`, does: "Apply",
    fields: {
      labels: { kind: "list", label: "Labels", value: before.labels, hint: "Separated by commas" },
      category: { label: "Category", value: before.category, options: categoryOptions() },
      priority: { label: "Priority", value: before.priority,
        options: [["", "As they are"], ["high", "High"], ["normal", "Normal"], ["low", "Low"]] },
      downloadLimit: { kind: "rate", label: "Download limit", value: before.downloadLimit },
      uploadLimit: { kind: "rate", label: "Upload limit", value: before.uploadLimit },
      peersMax: { kind: "number", label: "Peers at most", value: before.peersMax, step: 1 },
      ratio: { kind: "rule", label: "Seed up to the ratio", value: limits.ratio, ...seeding },
      minutes: { kind: "rule", label: "Seed for minutes",
        value: limits.seedTime > 0 ? limits.seedTime / 60 : limits.seedTime, ...seeding },
      sequential: { label: "Fetch in order", options: yesNo },
      honours: { label: "Bound by everybody's limits", options: yesNo },
    },
    act: ({ sequential, honours, ratio, minutes, ...after }) => {
      // What was not touched stays as it is, also where the torrents differ.
      const changed = Object.entries(after).filter(([name, value]) =>
        JSON.stringify(value) !== JSON.stringify(before[name])
          && !(name === "labels" && !before.labels && !value.length));
      const changes = { ...Object.fromEntries(changed), isSequential: yes(sequential),
        honoursSessionLimits: yes(honours) };
      const rules = { ratio, seedTime: minutes > 0 ? Math.round(minutes * 60) : minutes };
      const isNew = ([name, value]) => value !== (limits[name] === undefined ? "inherited"
        : limits[name]);
      if (Object.entries(rules).some(isNew)) changes.seedingLimits = rules;
      return act(ids, "change", { changes });
    },
  }).answer;
}
