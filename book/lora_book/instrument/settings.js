// The settings of the instrument, checked by the table that settings.py reads, too.

import TABLE from "./settings.json" with { type: "json" };

export { TABLE };

function spelled(value) {
  const json = typeof value === "number" ? undefined : JSON.stringify(value);
  return (json ?? String(value)).slice(0, 100);
}

const listed = (value) => (Array.isArray(value) ? value.map(spelled).join(", ") : value);

const isNumber = (value, { min, max }) => Number.isFinite(value) && value >= min && value <= max;

const CHECKS = {
  choice: (value, { allowed }) => allowed.includes(value),
  number: isNumber,
  whole: (value, bounds) => isNumber(value, bounds) && Number.isInteger(value),
  text: (value, { pattern }) => typeof value === "string" && RegExp(`^(${pattern})$`).test(value),
};

// All settings, those that are missing by default. Throws an Error that says what is allowed.
export function checked(settings) {
  const names = Object.keys(TABLE.settings);
  for (const name in settings) {
    if (names.includes(name)) continue;
    throw Error(TABLE.unknown.replace("{name}", name).replace("{names}", names.join(", ")));
  }
  const values = {};
  for (const name of names) {
    const rule = TABLE.settings[name];
    const value = name in settings ? settings[name] : rule.default;
    values[name] = value;
    if (CHECKS[rule.kind](value, rule)) continue;
    const allowed = TABLE.words[rule.kind].replace(/{(\w+)}/g, (_, key) => listed(rule[key]));
    throw Error(`${name} must be ${allowed}, got ${spelled(value)}`);
  }
  if (values.r === 1 && values.start === "BA zero") throw Error(TABLE["BA zero"]);
  return values;
}

// The settings of the same run in a unit k times smaller, as far as they follow; null without a
// twin. `grow` multiplies A and B at the start.
export function twinOf(settings) {
  if (!settings.twin) return null;
  const [unit, ...follows] = settings.twin.split("-");
  const k = Number(unit);
  const rate = settings.optimiser === "Adam" ? k : k ** 2;
  const factors = { alpha: 1 / k ** 2, eps: 1 / k, rate, decay: 1 / rate };
  const twin = { ...settings, twin: "", grow: follows.includes("start") ? k : 1 };
  for (const name in factors) if (follows.includes(name)) twin[name] *= factors[name];
  return twin;
}
