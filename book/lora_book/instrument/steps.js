// One step of training: ΔW and the gradients at A and B, and how the optimisers move.

import { SIDE, SIZE } from "./portrait.js";

function isZero(array, start, end) {
  for (let i = start; i < end; i++) if (array[i] !== 0) return false;
  return true;
}

// A with a row of zeros below it where r is odd, so that its rows go in pairs.
function inPairs(A) {
  const padded = new Float64Array(2 * SIDE * Math.ceil(A.length / (2 * SIDE)));
  padded.set(A);
  return padded;
}

// ΔW = s·BA and both gradients of ‖ΔW − T‖² / 2, row by row, and what a run records of a step.
// Two components at a time: loads and stores take most of the time.
export function look({ A, B }, s, T) {
  const r = A.length / SIDE;
  const rows = inPairs(A);
  const delta = new Float64Array(SIZE);
  const gradRows = new Float64Array(rows.length);
  const gradB = new Float64Array(B.length);
  const residual = new Float64Array(SIDE); // a row of BA, then of G = ΔW − T
  let deltaSquare = 0;
  let decrease = 0;
  let loss = 0;
  for (let i = 0; i < SIDE; i++) {
    const row = i * SIDE;
    const ofB = i * r;
    // ΔW and G are zero in this row
    if (isZero(B, ofB, ofB + r) && isZero(T, row, row + SIDE)) continue;
    residual.fill(0);
    for (let m = 0; m < r; m += 2) {
      const first = m * SIDE;
      const second = first + SIDE;
      const b1 = B[ofB + m];
      const b2 = m + 1 < r ? B[ofB + m + 1] : 0;
      for (let j = 0; j < SIDE; j++) residual[j] += b1 * rows[first + j] + b2 * rows[second + j];
    }
    for (let j = 0; j < SIDE; j++) {
      const entry = s * residual[j];
      const wanted = T[row + j];
      const difference = entry - wanted;
      delta[row + j] = entry;
      residual[j] = difference;
      deltaSquare += entry * entry;
      decrease += entry * wanted;
      loss += difference * difference;
    }
    for (let m = 0; m < r; m += 2) {
      const first = m * SIDE;
      const second = first + SIDE;
      const b1 = B[ofB + m];
      const b2 = m + 1 < r ? B[ofB + m + 1] : 0;
      let sum1 = 0;
      let sum2 = 0;
      for (let j = 0; j < SIDE; j++) {
        const g = residual[j];
        sum1 += g * rows[first + j];
        sum2 += g * rows[second + j];
        gradRows[first + j] += b1 * g;
        gradRows[second + j] += b2 * g;
      }
      gradB[ofB + m] = s * sum1;
      if (m + 1 < r) gradB[ofB + m + 1] = s * sum2;
    }
  }
  const gradA = gradRows.subarray(0, A.length);
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < gradA.length; i++) {
    gradA[i] *= s;
    squareA += gradA[i] * gradA[i];
    squareB += gradB[i] * gradB[i];
  }
  const norms = {
    delta: Math.sqrt(deltaSquare),
    gradA: Math.sqrt(squareA),
    gradB: Math.sqrt(squareB),
    loss: loss / 2,
    decrease,
  };
  return { delta, gradA, gradB, norms };
}

// What an array p becomes, by its gradient g and its two memories.
export const OPTIMISERS = {
  // Kingma & Ba 2015, algorithm 1, with the decay apart from the gradient (AdamW). `left1` and
  // `left2` are β₁ and β₂ to the power of the steps taken.
  Adam(p, g, [m, v], { rate, decay, eps, left1, left2 }) {
    const stride = rate / (1 - left1);
    const root = Math.sqrt(1 - left2);
    const kept = 1 - rate * decay;
    const next = new Float64Array(p.length);
    for (let i = 0; i < p.length; i++) {
      m[i] += (1 - 0.9) * (g[i] - m[i]);
      v[i] = v[i] * 0.999 + g[i] * (1 - 0.999) * g[i];
      next[i] = p[i] * kept - (m[i] / (Math.sqrt(v[i]) / root + eps)) * stride;
    }
    return next;
  },
  SGD(p, g, _, { rate, decay }) {
    const next = new Float64Array(p.length);
    for (let i = 0; i < p.length; i++) next[i] = p[i] - rate * (g[i] + decay * p[i]);
    return next;
  },
  momentum(p, g, [v], { rate, decay, momentum }) {
    const next = new Float64Array(p.length);
    for (let i = 0; i < p.length; i++) {
      v[i] = v[i] * momentum + (g[i] + decay * p[i]);
      next[i] = p[i] - rate * v[i];
    }
    return next;
  },
};
