// The files of a torrent as a tree: what is wanted of it, and how much. A folder's lines are made
// when it is opened, and not all at once, as there are torrents with a hundred thousand files.

import { h, icon, say, size, percent } from "./dom.js";

const LINES_AT_ONCE = 500;
const order = new Intl.Collator(undefined, { numeric: true });
const priorities = { skip: "Skip", low: "Low", normal: "Normal", high: "High" };

const levelOf = (file) => (file.isWanted ? file.priority : "skip");

function build(files) {
  const root = { name: "", folders: new Map(), files: [] };
  for (const file of files) {
    const names = file.path.split("/");
    let node = root;
    for (const name of names.slice(0, -1)) {
      if (!node.folders.has(name)) node.folders.set(name, { name, folders: new Map(), files: [] });
      node = node.folders.get(name);
    }
    node.files.push({ name: names.at(-1), file });
  }
  return root;
}

function* filesBelow(node) {
  if (node.file) {
    yield node.file;
    return;
  }
  const open = [node];
  for (let at = open.pop(); at; at = open.pop()) {
    for (const leaf of at.files) yield leaf.file;
    open.push(...at.folders.values());
  }
}

function sumOf(node) {
  const sum = { length: 0, done: 0, wanted: 0, count: 0, level: null };
  for (const file of filesBelow(node)) {
    sum.length += file.length;
    sum.done += file.bytesDone ?? 0;
    sum.wanted += file.isWanted ? 1 : 0;
    if (sum.count === 0) sum.level = levelOf(file);
    else if (sum.level !== levelOf(file)) sum.level = null;
    sum.count += 1;
  }
  return sum;
}

export class Tree {
  /** `changed(files, { isWanted, priority })` hears what the user has set. */
  constructor(files, { isChoice = false, changed = () => {} } = {}) {
    this.files = new Map(files.map((file) => [file.index, file]));
    this.isChoice = isChoice;
    this.changed = changed;
    this.lines = new Set();
    this.element = h("div", { class: isChoice ? "tree choice" : "tree", role: "group",
      "aria-label": "Files" });
    const root = build(files);
    this.element.append(this.#children(root, 0));
  }

  /** Takes newer facts of the same files. */
  update(files) {
    for (const file of files) Object.assign(this.files.get(file.index) ?? {}, file);
    this.#refresh();
  }

  #refresh() {
    for (const refresh of this.lines) refresh();
  }

  #children(node, depth) {
    const box = h("div");
    const nodes = [...node.folders.values()].sort((a, b) => order.compare(a.name, b.name))
      .concat(node.files.toSorted((a, b) => order.compare(a.name, b.name)));
    const isAlone = nodes.length === 1 && !nodes[0].file;
    const more = (from) => {
      for (const child of nodes.slice(from, from + LINES_AT_ONCE)) {
        box.append(this.#line(child, depth, isAlone));
      }
      const left = nodes.length - from - LINES_AT_ONCE;
      if (left <= 0) return;
      const button = h("button", { type: "button", class: "ghost", onclick: () => {
        button.remove();
        more(from + LINES_AT_ONCE);
      } }, `${left} more`);
      box.append(button);
    };
    more(0);
    return box;
  }

  #line(node, depth, isOpen) {
    const check = h("input", { type: "checkbox",
      onchange: () => this.#set(node, { isWanted: check.checked }) });
    const [bytes, part] = [h("span", { class: "number" }), h("span", { class: "number part" })];
    const level = this.isChoice ? null : h("select", { "aria-label": `Priority of ${node.name}`,
      onchange: () => this.#set(node, level.value === "skip" ? { isWanted: false }
        : { isWanted: true, priority: level.value }) },
    h("option", { value: "", hidden: true }, "Mixed"),
    Object.entries(priorities).map(([value, name]) => h("option", { value }, name)));
    const path = h("div", { class: "path" }, node.file ? null : this.#fold(node, depth, isOpen),
      h("label", {}, check, h("span", { title: node.name }, node.name)));
    path.style.paddingLeft = `${depth * 20 + (node.file ? 29 : 0)}px`;
    const line = h("div", { class: "line" }, path, bytes, this.isChoice ? null : [part, level]);
    const refresh = () => {
      const sum = sumOf(node);
      check.checked = sum.wanted === sum.count;
      check.indeterminate = sum.wanted > 0 && sum.wanted < sum.count;
      line.classList.toggle("unwanted", sum.wanted === 0);
      say(bytes, size(sum.length));
      say(part, sum.length ? percent(sum.done / sum.length) : "");
      if (level && document.activeElement !== level) level.value = sum.level ?? "";
    };
    refresh();
    this.lines.add(refresh);
    if (node.file) return line;
    node.place = h("div", {}, line);
    if (isOpen) node.place.append(this.#children(node, depth + 1));
    return node.place;
  }

  #fold(node, depth, isOpen) {
    let children = null;
    const button = h("button", { type: "button", class: "ghost fold", "aria-expanded": isOpen,
      "aria-label": `Open ${node.name}`, onclick: () => {
        const opens = button.getAttribute("aria-expanded") !== "true";
        button.setAttribute("aria-expanded", opens);
        children ??= node.place.children[1] ?? this.#children(node, depth + 1);
        children.hidden = !opens;
        node.place.append(children);
      } }, icon("open"));
    return button;
  }

  #set(node, change) {
    const files = [...filesBelow(node)];
    for (const file of files) Object.assign(file, change);
    this.#refresh();
    this.changed(files, change);
  }
}
