// The phrases of section 4.1: what each sets, what that is to be compared with (`was`), the step to
// which it plays, and the line that it puts under the picture. A line is told its settings `now` and
// those before, norms(settings), left(settings), the loss that is left, and gap(), the twin's.

const RULES = { "alpha/r": 4, "alpha/sqrt(r)": 2, alpha: 1 }; // with an α for which s is 1 at r = 4

const RANKS = [1, 4, 16];

const TWIN = { alpha: 16, step: 30 };

const leftAt4And16 = async ({ left, now, was }) =>
  `The remaining loss is ${await left(was)} at r = 4 and ${await left(now)} at r = 16`;

export const PHRASES = {
  random: {
    set: { step: 1 },
    playTo: 1,
    line: () =>
      "Only B moves in step 1, because A’s gradient is multiplied by B, which is still zero.",
  },
  zero: {
    set: { step: 0 },
    line: async ({ norms, now }) => {
      const { gradB } = await norms(now);
      return `ΔW is exactly 0, but ‖∇B‖ is ${gradB.toFixed(2)}, so training can begin.`;
    },
  },
  scale: {
    set: { r: 16, step: 8 },
    was: { r: 4 },
    line: async (tools) =>
      `${await leftAt4And16(tools)}, with four times the terms but a quarter of s.`,
  },
  constant: {
    set: { r: 16, step: 8 },
    was: { r: 4 },
    line: async ({ left, now }) => {
      const ofRule = async (rule) => {
        const alpha = RULES[rule];
        const shares = RANKS.map((r) => left({ ...now, r, rule, alpha }));
        return (await Promise.all(shares)).join(", ").replace(/\s%,/g, ",");
      };
      const [byR, byRoot, undivided] = await Promise.all(Object.keys(RULES).map(ofRule));
      const divided = `${byR} with α/r; ${byRoot} with α/√r`;
      return `The remaining loss at r = 1, 4, 16 is ${divided}; ${undivided} with α.`;
    },
  },
  adam: {
    set: { alpha: 16, step: 1 },
    was: { alpha: 4 },
    line: async ({ norms, now, was }) => {
      const growthUnder = async (optimiser) => {
        const after = await norms({ ...now, optimiser });
        const before = await norms({ ...was, optimiser });
        return Number((after.delta / before.delta).toPrecision(3));
      };
      const [adam, sgd] = await Promise.all(["Adam", "SGD"].map(growthUnder));
      const growth = `${adam} times as large under Adam but ${sgd} times under SGD`;
      return `With α × 4, the first ΔW is ${growth}.`;
    },
  },
  roughly: {
    set: { ...TWIN, twin: "4-alpha-rate" },
    line: async ({ gap }) => `In a second run with α ÷ 16 and η × 4, ${await gap()}`,
  },
  start: {
    set: { ...TWIN, twin: "4-alpha-rate-start-eps" },
    line: async ({ gap }) => `With initial A × 4 and ε ÷ 4 as well, ${await gap()}`,
  },
  first: {
    set: { target: "cone", r: 8, alpha: 8, step: 30 },
    line: () => "The first r is 8, so α = 8 and s = 1. Now change r: α and the tuned η stay fixed.",
  },
  retune: {
    set: { target: "cone", r: 16, step: 30 },
    was: { r: 4 },
    line: async (tools) => `${await leftAt4And16(tools)}, with the same α and η.`,
  },
  both: { set: { start: "both zero" }, playTo: 120 },
};
