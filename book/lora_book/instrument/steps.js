// One step of training: ΔW and the gradients at A and B, and how the optimisers move.

import { SIDE, SIZE } from "./portrait.js";

function isZero(array, start, end) {
  for (let i = start; i < end; i++) if (array[i] !== 0) return false;
  return true;
}

// ΔW = s·BA and both gradients of ‖ΔW − T‖² / 2, row by row, and what a run records of a step.
export function look({ A, B }, s, T) {
  const r = A.length / SIDE;
  const delta = new Float64Array(SIZE);
  const gradA = new Float64Array(A.length);
  const gradB = new Float64Array(B.length);
  const residual = new Float64Array(SIDE); // a row of G = ΔW − T
  let deltaSquare = 0;
  let decrease = 0;
  let loss = 0;
  for (let i = 0; i < SIDE; i++) {
    const row = i * SIDE;
    // ΔW and G are zero in this row
    if (isZero(B, i * r, (i + 1) * r) && isZero(T, row, row + SIDE)) continue;
    for (let m = 0; m < r; m++) {
      const b = B[i * r + m];
      for (let j = 0; j < SIDE; j++) delta[row + j] += b * A[m * SIDE + j];
    }
    for (let j = 0; j < SIDE; j++) {
      const entry = s * delta[row + j];
      const wanted = T[row + j];
      delta[row + j] = entry;
      residual[j] = entry - wanted;
      deltaSquare += entry * entry;
      decrease += entry * wanted;
      loss += residual[j] * residual[j];
    }
    for (let m = 0; m < r; m++) {
      const b = B[i * r + m];
      let sum = 0;
      for (let j = 0; j < SIDE; j++) {
        sum += residual[j] * A[m * SIDE + j];
        gradA[m * SIDE + j] += b * residual[j];
      }
      gradB[i * r + m] = s * sum;
    }
  }
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
    return p.map((value, i) => {
      m[i] += (1 - 0.9) * (g[i] - m[i]);
      v[i] = v[i] * 0.999 + g[i] * (1 - 0.999) * g[i];
      return value * kept - (m[i] / (Math.sqrt(v[i]) / root + eps)) * stride;
    });
  },
  SGD: (p, g, _, { rate, decay }) => p.map((value, i) => value - rate * (g[i] + decay * value)),
  momentum(p, g, [v], { rate, decay, momentum }) {
    return p.map((value, i) => {
      v[i] = v[i] * momentum + (g[i] + decay * value);
      return value - rate * v[i];
    });
  },
};
