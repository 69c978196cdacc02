// Adding: links, magnets and hashes as text, torrents as files that are picked or dropped.

import { h, note, size } from "./dom.js";
import * as api from "./api.js";
import { ask } from "./forms.js";
import { Tree } from "./files.js";
import { readTorrent, base64 } from "./torrentfile.js";
import { categoryOptions, names } from "./commands.js";

/** Bytes of a torrent file: in base64, the service takes no more. */
const FILE_MAX = 11 << 20;
const linkForm = /^(magnet:\?|https?:\/\/|[0-9a-f]{40}$|[0-9a-f]{64}$|[a-z2-7]{32}$)/i;

export const linksIn = (text) =>
  text.split(/\s+/).filter((word) => linkForm.test(word));

const treeOf = (picked) => picked.tree ??= new Tree(picked.files, { isChoice: true });

let dialog = null;

export async function openAdd({ links = [], files = [] } = {}) {
  if (dialog) return dialog.take(links, files);
  const picked = [];
  const list = h("div", { hidden: true, class: "files" });
  const input = h("input", { type: "file", multiple: true, accept: ".torrent", hidden: true,
    onchange: () => take([], [...input.files]) });
  const pick = h("button", { type: "button", class: "pick", onclick: () => input.click() },
    "Choose torrent files, or drop them here");

  const drawPicked = () => {
    list.hidden = !picked.length;
    list.replaceChildren(...picked.map((one) => {
      const bytes = one.files.reduce((sum, file) => sum + file.length, 0);
      return h("div", {}, h("p", {}, one.name, h("span", { class: "soft" }, ` ${size(bytes)}`)),
        picked.length === 1 ? treeOf(one).element : null);
    }));
  };
  const take = async (more, given) => {
    if (more.length) {
      const text = made.dialog.fields.links.input;
      text.value = [...linksIn(text.value), ...more].join("\n");
    }
    for (const file of given) {
      try {
        if (file.size > FILE_MAX) throw new Error("too large for a torrent file");
        const bytes = new Uint8Array(await file.arrayBuffer());
        picked.push({ bytes, ...readTorrent(bytes) });
      } catch (error) {
        note(`${file.name}: ${error.message}`, true);
      }
    }
    drawPicked();
  };
  const folders = h("datalist", { id: "folders" },
    names.folders.map((value) => h("option", { value })));
  const made = ask({
    title: "Add torrents", does: "Add", body: [input, pick, list, folders],
    fields: {
      links: { kind: "area", label: "Magnet links, addresses or info-hashes, one a line",
        rows: 3, spellcheck: false },
      folder: { label: "Folder", placeholder: "as the category or the settings say",
        autocomplete: "off" },
      category: { label: "Category", options: categoryOptions() },
      labels: { kind: "list", label: "Labels", placeholder: "separated by commas" },
      paused: { kind: "check", label: "Add paused" },
      sequential: { kind: "check", label: "Fetch in order" },
      top: { kind: "check", label: "Put at the top of the queue" },
    },
    act: (values) => submit(values, picked),
  });
  made.dialog.fields.folder.input.setAttribute("list", "folders");
  dialog = { take };
  await take(links, files);
  made.dialog.fields.links.input.focus();
  const count = await made.answer;
  dialog = null;
  if (count) note(count === 1 ? "One torrent is added" : `${count} torrents are added`);
  return count;
}

async function submit({ links, folder, category, labels, paused, sequential, top }, picked) {
  const words = links.split(/\s+/).filter(Boolean);
  const wrong = words.find((word) => !linkForm.test(word));
  if (wrong) throw new Error(`${wrong}: neither a magnet link, an address nor an info-hash`);
  if (!words.length && !picked.length) throw new Error("Give a link, or choose a file");
  const shared = { folder, category, labels, isSequential: sequential, goesToTopOfQueue: top,
    ...(paused ? { startsPaused: true } : {}) };
  const orders = words.map((word) =>
    (/^https?:/i.test(word) ? { url: word } : { link: word }));
  for (const { bytes, files } of picked) {
    const wanted = files.filter((file) => file.isWanted).map((file) => file.index);
    orders.push({ manifest: base64(bytes),
      ...(wanted.length < files.length ? { wantedFiles: wanted } : {}) });
  }
  const old = [];
  for (const order of orders) {
    const added = await api.post("torrents", { ...order, ...shared });
    if (added.isNew === false) old.push(added);
  }
  if (old.length) note(`${old.length} of them ${old.length === 1 ? "was" : "were"} there already`);
  return orders.length;
}
