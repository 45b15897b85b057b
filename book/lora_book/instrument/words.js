// What a picture of the instrument says, in words.

import { entriesThatDiffer } from "./engine.js";
import { SIDE, targetOf } from "./portrait.js";
import { TABLE } from "./settings.js";

const LAST_STEP = TABLE.settings.step.max;
const NOUNS = { word: "the word", drawn: "the drawing" };

const TARGET_RANKS = { "top hat": 2, cone: 21, word: 7 }; // with fewer components some loss stays

const LEARNED = 0.001; // of the loss, under which the hat is as it should be

export function percent(share) {
  const digits = Number((100 * share).toPrecision(share > 0.99 ? 3 : 2)); // 99.6 is not 100
  return digits < 0.01 ? "less than 0.01\u00a0%" : `${digits}\u00a0%`;
}

// The share of the bare portrait's loss that a run has left.
function shareLeft(run, step, on) {
  const bare = targetOf(run.settings).reduce((sum, entry) => sum + entry * entry, 0) / 2;
  return bare ? run.norms(step, on).loss / bare : 0;
}

export const lossLeft = (run, step, on) => percent(shareLeft(run, step, on));

export function gapInWords(run, twin, step) {
  const { count, apart } = entriesThatDiffer(run, twin, step);
  if (count === 0) return "all 4,096 entries of ΔW are equal in every bit.";
  const entries = `${count.toLocaleString("en")} of 4,096 entries`;
  return `ΔW differs (red) by ${percent(apart)} of its norm, in ${entries}.`;
}

export const isStill = ({ delta, gradA, gradB }) => delta === 0 && gradA === 0 && gradB === 0;

const unmoved = (count) =>
  count === 0
    ? "A and B are both zero, so both gradients are exactly 0."
    : `After ${count.toLocaleString("en")} ${count === 1 ? "step" : "steps"}, nothing has moved, ` +
      "and nothing ever will: no gradient flows through a zero matrix.";

// The line under the picture. count: of the steps that a run has taken in which nothing moves.
export function lineOf({ settings, run, twin }, count = settings.step) {
  const { step, on, r } = settings;
  const norms = run.norms(step);
  if (targetOf(settings).every((entry) => entry === 0))
    return "Draw on the portrait, then press “learn it”.";
  if (isStill(norms)) return unmoved(count);
  if (run.last !== null && step > run.last)
    return `The run diverges: step ${run.last} is the last that is finite.`;
  if (on === 0) return "s = 0, so the portrait is unchanged. A and B still hold what they learned.";
  if (twin) return `In step ${step} of the two runs, ${gapInWords(run, twin, step)}`;
  if (step === 0 && norms.delta === 0)
    return "Step 0: ΔW is exactly 0, so the portrait is unchanged.";
  if (step === 0) return "Step 0: the portrait is changed before anything is learned.";
  const numbers = (2 * SIDE * r).toLocaleString("en");
  const left = shareLeft(run, step);
  const noun = NOUNS[settings.target] ?? "the hat";
  if (left < LEARNED) {
    const outcome = `Step ${step}: A and B have learned ${noun} with ${numbers} numbers.`;
    return `${outcome} The portrait’s 4,096 are unchanged.`;
  }
  const outcome = `Step ${step}: ${percent(left)} of the loss is left.`;
  if (step === LAST_STEP && r < TARGET_RANKS[settings.target])
    return `${outcome} A larger r can draw more of ${noun}.`;
  return `${outcome} ${numbers} numbers are trained, and the portrait’s 4,096 are frozen.`;
}

// For those who do not see the picture.
export function pictureInWords({ settings, run }) {
  const { step, on } = settings;
  const { A, B, delta, gradA, gradB } = run.frame(step, on);
  const matrices = { A, B, ΔW: delta, "the gradient of A": gradA, "the gradient of B": gradB };
  const isZero = (name) => matrices[name].every((entry) => entry === 0);
  const zeros = Object.keys(matrices).filter(isZero).join(", ") || "no matrix";
  return (
    `A grey portrait with ΔW on it in green, A above it and B to its left. Step ${step}: ` +
    `${lossLeft(run, step, on)} of the loss is left. Exactly zero: ${zeros}.`
  );
}
