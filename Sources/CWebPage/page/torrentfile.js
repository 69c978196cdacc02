// Reads the list of files out of a .torrent, so that they can be chosen before it is added. The
// service reads the file again, and strictly; this only has to survive whatever it is given.

const DEPTH_MAX = 64;
const text = new TextDecoder();

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  #until(letter) {
    const end = this.bytes.indexOf(letter.charCodeAt(0), this.at);
    if (end < 0 || end - this.at > 20) throw new Error("this is no torrent");
    const digits = text.decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    if (!/^-?\d+$/.test(digits)) throw new Error("this is no torrent");
    return Number(digits);
  }

  #string() {
    const length = this.#until(":");
    const left = this.bytes.length - this.at;
    if (length < 0 || length > left) throw new Error("the file is cut short");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  value(depth = 0) {
    if (depth > DEPTH_MAX) throw new Error("this is no torrent");
    const letter = String.fromCharCode(this.bytes[this.at] ?? 0);
    if (/\d/.test(letter)) return this.#string();
    this.at += 1;
    if (letter === "i") return this.#until("e");
    if (letter !== "l" && letter !== "d") throw new Error("this is no torrent");
    const list = [];
    const dictionary = new Map();
    while (this.bytes[this.at] !== 0x65) {
      if (letter === "l") list.push(this.value(depth + 1));
      else dictionary.set(text.decode(this.#string()), this.value(depth + 1));
    }
    this.at += 1;
    return letter === "l" ? list : dictionary;
  }
}

const words = (value) => (value instanceof Uint8Array ? text.decode(value) : "");

function* filesOfTree(tree, names) {
  for (const [name, value] of tree) {
    if (!(value instanceof Map)) continue;
    const leaf = value.get("");
    if (leaf instanceof Map) yield { path: [...names, name], length: leaf.get("length") };
    else yield* filesOfTree(value, [...names, name]);
  }
}

function entries(info, name) {
  const list = info.get("files");
  if (Array.isArray(list)) {
    return list.filter((file) => file instanceof Map).map((file) => ({
      path: [name, ...(file.get("path.utf-8") ?? file.get("path") ?? []).map(words)],
      length: file.get("length"),
      isPad: words(file.get("attr")).includes("p"),
    }));
  }
  const tree = info.get("file tree");
  if (!(tree instanceof Map)) return [{ path: [name], length: info.get("length") }];
  const files = [...filesOfTree(tree, [])];
  const isSingle = files.length === 1 && files[0].path.length === 1;
  return isSingle ? files : files.map((file) => ({ ...file, path: [name, ...file.path] }));
}

/** `{ name, files }`, of which pad files are left out and yet counted. Throws for what is none. */
export function readTorrent(bytes) {
  const info = new Reader(bytes).value() ?? null;
  const about = info instanceof Map ? info.get("info") : null;
  if (!(about instanceof Map)) throw new Error("this is no torrent");
  const name = words(about.get("name.utf-8") ?? about.get("name")) || "unnamed";
  const files = entries(about, name).map((file, index) => ({
    index, path: file.path.map((part) => part.replaceAll("/", "_")).join("/"), isPad: file.isPad,
    length: Number.isFinite(file.length) ? file.length : 0, isWanted: true, priority: "normal",
  })).filter((file) => !file.isPad);
  return { name, files };
}

/** Base64, in parts, as a call takes only so many arguments. */
export function base64(bytes) {
  let letters = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    letters += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(letters);
}
