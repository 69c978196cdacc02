// Dialogs: a title, some fields, and a button that does it.

import { h, icon } from "./dom.js";

const KIB = 1024;

/** How the kinds of fields show a value, and what they make of what was typed. */
const kinds = {
  text: { show: (value) => value ?? "", read: (text) => text.trim() || null },
  number: { show: (value) => value ?? "", read: (text) => (text === "" ? null : Number(text)) },
  rate: {
    show: (value) => (value ? Math.round((value / KIB) * 10) / 10 : ""),
    read: (text) => (text === "" ? null : Math.round(Number(text) * KIB)), unit: "KiB/s",
  },
  size: {
    show: (value) => (value ? Math.round(value / KIB / KIB) : ""),
    read: (text) => (text === "" ? 0 : Math.round(Number(text) * KIB * KIB)), unit: "MiB",
  },
  minutes: {
    show: (value) => (Number.isFinite(value) ? value / 60 : ""),
    read: (text) => (text === "" ? null : Math.round(Number(text) * 60)), unit: "min",
  },
  /** A limit of seeding: a number, `none`, or nothing, which is as the level above says. */
  rule: {
    show: (value) => (value === null ? "none" : value === "inherited" ? "" : value ?? ""),
    read: (text) => {
      const word = text.trim().toLowerCase();
      if (word === "") return "inherited";
      if (word === "none") return null;
      if (!(Number(word) >= 0)) throw new Error(`${word}: write a number, or none`);
      return Number(word);
    },
  },
  list: {
    show: (value) => (value ?? []).join(", "),
    read: (text) => [...new Set(text.split(",").map((word) => word.trim()).filter(Boolean))],
  },
};

let count = 0;

/** A field of a form: `{ label, kind, value, hint, options, ... }`. */
export function field(given) {
  const { label, kind = "text", value, hint, options, ...rest } = given;
  const id = `field-${count += 1}`;
  if (kind === "title") return { element: h("h3", {}, label) };
  if (kind === "check") {
    const input = h("input", { type: "checkbox", id, checked: value ?? false, ...rest });
    const tick = h("label", { class: "tick" }, input, label);
    return { element: hint ? h("div", { class: "field" }, tick, h("small", {}, hint)) : tick,
      read: () => input.checked, set: (now) => { input.checked = now ?? false; } };
  }
  if (options) {
    const input = h("select", { id, ...rest },
      options.map(([key, text]) => h("option", { value: key }, text)));
    input.value = value ?? "";
    return { element: labelled(label, id, input, hint), read: () => input.value || null,
      set: (now) => { input.value = now ?? ""; } };
  }
  if (kind === "area") {
    const input = h("textarea", { id, rows: 4, value: value ?? "", ...rest });
    const element = labelled(label, id, input, hint);
    element.classList.add("tall");
    return { element, input, read: () => input.value };
  }
  const { show, read, unit } = kinds[kind] ?? kinds.text;
  const isNumber = ["number", "rate", "size", "minutes"].includes(kind);
  const input = h("input", { id, type: kind === "password" ? kind : isNumber ? "number" : "text",
    value: show(value), ...(isNumber ? { min: 0, step: "any", placeholder: "none" } : {}),
    ...rest });
  const whole = isNumber ? h("span", { class: "unit" }, input, unit ?? null) : input;
  return { element: labelled(label, id, whole, hint), input, read: () => read(input.value),
    set: (now) => { input.value = show(now); } };
}

const labelled = (label, id, input, hint) => h("div", { class: "field" },
  h("label", { htmlFor: id }, label), input, hint ? h("small", {}, hint) : null);

/**
 * Opens a dialog, and promises what `act` returned, or null if it was put away. What `act` refuses
 * is told in the dialog, which stays.
 */
export function ask({
  title, fields = {}, body = [], does, isDanger = false, act, mayLeave = true,
}) {
  const made = Object.fromEntries(Object.entries(fields).map(([name, it]) => [name, field(it)]));
  const wrong = h("p", { class: "bad-text", role: "alert" });
  const main = h("button", { type: "submit", class: isDanger ? "danger" : "main" }, does);
  const back = h("button", { type: "button", onclick: () => dialog.close() },
    act ? "Cancel" : "Close");
  let result = null;
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    if (main.disabled) return;
    main.disabled = true;
    wrong.textContent = "";
    try {
      const values = {};
      for (const [name, { read }] of Object.entries(made)) if (read) values[name] = read();
      result = (await act(values)) ?? true;
      dialog.close();
    } catch (error) {
      wrong.textContent = error.message;
    }
    main.disabled = false;
  } },
  h("header", {}, h("h2", {}, title)),
  h("div", { class: "fields" }, body, Object.values(made).map(({ element }) => element), wrong),
  h("footer", {}, mayLeave ? back : null, act ? main : null));
  const dialog = h("dialog", { "aria-label": title,
    oncancel: (event) => mayLeave || event.preventDefault() }, form);
  dialog.fields = made;
  document.body.append(dialog);
  dialog.showModal();
  return {
    dialog,
    answer: new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(result);
      });
    }),
  };
}

export const closeButton = (act, label = "Close") =>
  h("button", { class: "ghost", "aria-label": label, onclick: act }, icon("close"));
