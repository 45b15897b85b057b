// An instrument's state as it stands in the address: hat?r=16&start=both-zero, or hat?show=adam.
// was.r=4 is the setting that r is to be compared with.

import { PHRASES } from "./phrases.js";
import { TABLE } from "./settings.js";

const slug = (value) =>
  String(value)
    .toLowerCase()
    .replace(/[^\w.]+/g, "-")
    .replace(/-$/, "");

// What is no number stays as it is written, for a message that names it.
const number = (text) => (text === "" || Number.isNaN(Number(text)) ? text : Number(text));

const READ = {
  choice: (text, { allowed }) => allowed.find((value) => slug(value) === text) ?? text,
  number,
  whole: number,
  text: (text) => text,
};

// { set, was, show } of what stands after the question mark. Throws an Error for a phrase that is
// not there; the settings' names and values are the engine's to check.
export function readAddress(query) {
  const address = { set: {}, was: {}, show: null };
  for (const [key, text] of new URLSearchParams(query)) {
    if (key === "show") {
      const phrase = PHRASES[text];
      if (!phrase)
        throw Error(`show must be one of ${Object.keys(PHRASES).join(", ")}, got ${text}`);
      Object.assign(address, { set: phrase.set, was: phrase.was ?? {}, show: text });
      continue;
    }
    const name = key.replace("was.", "");
    const rule = TABLE.settings[name];
    const target = key === name ? address.set : address.was;
    target[name] = rule ? READ[rule.kind](text, rule) : text;
  }
  return address;
}

// The settings that are not those of `base`.
export function writeAddress(settings, base) {
  const written = (name) => {
    const isText = TABLE.settings[name].kind === "text";
    return isText ? settings[name] : slug(settings[name]);
  };
  return Object.keys(TABLE.settings)
    .filter((name) => settings[name] !== base[name])
    .map((name) => `${name}=${written(name)}`)
    .join("&");
}
