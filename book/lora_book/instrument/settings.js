// The settings of the instrument, checked by the table that settings.py reads, too.

import TABLE from "./settings.json" with { type: "json" };

export { TABLE };

function spelled(value) {
  const json = typeof value === "number" ? undefined : JSON.stringify(value);
  return (json ?? String(value)).slice(0, 100);
}

const listed = (value) => (Array.isArray(value) ? value.map(spelled).join(", ") : spelled(value));

const isNumber = (value, { min, max }) => Number.isFinite(value) && value >= min && value <= max;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function isTwin(value, rule) {
  if (!isObject(value)) return false;
  const { k, ticks = {}, ...others } = value;
  if (!rule.k.includes(k) || !isObject(ticks) || Object.keys(others).length) return false;
  return Object.entries(ticks).every(
    ([name, tick]) => rule.ticks.includes(name) && typeof tick === "boolean",
  );
}

const CHECKS = {
  choice: (value, { allowed }) => allowed.includes(value),
  number: isNumber,
  whole: (value, bounds) => isNumber(value, bounds) && Number.isInteger(value),
  bits: (value) => typeof value === "string" && /^[\w-]{0,171}$/.test(value),
  twin: (value, rule) => value === null || isTwin(value, rule),
};

const alreadyChecked = new WeakSet();

// All settings, those that are missing by default. Throws an Error that says what is allowed.
export function checked(settings) {
  if (alreadyChecked.has(settings)) return settings;
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
  alreadyChecked.add(values);
  return values;
}

// The settings of the same run in a unit k times smaller, as far as they are ticked; null without a
// twin. `grow` multiplies A and B at the start.
export function twinOf(settings) {
  const values = checked(settings);
  if (!values.twin) return null;
  const { k, ticks = {} } = values.twin;
  const factor = values.optimiser === "Adam" ? k : k * k;
  const twin = { ...values, twin: null };
  if (ticks.alpha) twin.alpha /= k * k;
  if (ticks.start) twin.grow = k;
  if (ticks.eps) twin.eps /= k;
  if (ticks.rate) twin.rate *= factor;
  if (ticks.decay) twin.decay /= factor;
  alreadyChecked.add(twin);
  return twin;
}
