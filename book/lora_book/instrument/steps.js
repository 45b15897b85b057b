// One step of training: ΔW and the gradients at A and B, and how the optimisers move.
// B and its gradient are kept transposed, and r is filled up with zeros to a multiple of four.

import { SIDE, SIZE } from "./portrait.js";

export const delta = new Float64Array(SIZE);
const residual = new Float64Array(SIDE); // a row of G = ΔW − T
export const gradA = new Float64Array(16 * SIDE);
export const gradB = new Float64Array(16 * SIDE);

// Writes ΔW and both gradients into the arrays above; returns what a run records of a step.
export function look({ A, B }, s, T, isBlank) {
  const size = A.length;
  let loss = 0;
  let deltaSquare = 0;
  let decrease = 0;
  delta.fill(0);
  gradA.fill(0);
  for (let i = 0; i < SIDE; i++) {
    let isZero = true;
    for (let k = i; k < size && isZero; k += SIDE) isZero = B[k] === 0;
    if (isZero && isBlank[i]) {
      for (let k = i; k < size; k += SIDE) gradB[k] = 0;
      continue;
    }
    const row = i * SIDE;
    for (let k = 0; k < size && !isZero; k += 4 * SIDE) {
      const b0 = B[k + i];
      const b1 = B[k + SIDE + i];
      const b2 = B[k + 2 * SIDE + i];
      const b3 = B[k + 3 * SIDE + i];
      for (let j = 0; j < SIDE; j++)
        delta[row + j] +=
          b0 * A[k + j] +
          b1 * A[k + SIDE + j] +
          b2 * A[k + 2 * SIDE + j] +
          b3 * A[k + 3 * SIDE + j];
    }
    for (let j = 0; j < SIDE; j++) {
      const entry = s * delta[row + j];
      const difference = entry - T[row + j];
      delta[row + j] = entry;
      residual[j] = difference;
      deltaSquare += entry * entry;
      decrease += entry * T[row + j];
      loss += difference * difference;
    }
    for (let k = 0; k < size; k += 4 * SIDE) {
      const b0 = B[k + i];
      const b1 = B[k + SIDE + i];
      const b2 = B[k + 2 * SIDE + i];
      const b3 = B[k + 3 * SIDE + i];
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let j = 0; j < SIDE; j++) {
        const g = residual[j];
        sum0 += g * A[k + j];
        sum1 += g * A[k + SIDE + j];
        sum2 += g * A[k + 2 * SIDE + j];
        sum3 += g * A[k + 3 * SIDE + j];
      }
      for (let j = 0; j < SIDE && !isZero; j++) {
        const g = residual[j];
        gradA[k + j] += b0 * g;
        gradA[k + SIDE + j] += b1 * g;
        gradA[k + 2 * SIDE + j] += b2 * g;
        gradA[k + 3 * SIDE + j] += b3 * g;
      }
      gradB[k + i] = s * sum0;
      gradB[k + SIDE + i] = s * sum1;
      gradB[k + 2 * SIDE + i] = s * sum2;
      gradB[k + 3 * SIDE + i] = s * sum3;
    }
  }
  let squareA = 0;
  let squareB = 0;
  for (let k = 0; k < size; k++) {
    gradA[k] *= s;
    squareA += gradA[k] * gradA[k];
    squareB += gradB[k] * gradB[k];
  }
  return {
    delta: Math.sqrt(deltaSquare),
    gradA: Math.sqrt(squareA),
    gradB: Math.sqrt(squareB),
    loss: loss / 2,
    decrease,
  };
}

// Each writes into `next` what an array p becomes, by its gradient g and its two memories.
export const OPTIMISERS = {
  // Kingma & Ba 2015, algorithm 1, with the decay apart from the gradient (AdamW). `left1` and
  // `left2` are β₁ and β₂ to the power of the steps taken.
  Adam(next, p, g, [m, v], { rate, decay, eps, left1, left2 }) {
    const stride = rate / (1 - left1);
    const root = Math.sqrt(1 - left2);
    const kept = 1 - rate * decay;
    for (let i = 0; i < p.length; i++) {
      m[i] += (1 - 0.9) * (g[i] - m[i]);
      v[i] = v[i] * 0.999 + g[i] * (1 - 0.999) * g[i];
      next[i] = p[i] * kept - (m[i] / (Math.sqrt(v[i]) / root + eps)) * stride;
    }
  },
  SGD(next, p, g, _, { rate, decay }) {
    for (let i = 0; i < p.length; i++) next[i] = p[i] - rate * (g[i] + decay * p[i]);
  },
  momentum(next, p, g, [v], { rate, decay, momentum }) {
    for (let i = 0; i < p.length; i++) {
      v[i] = v[i] * momentum + (g[i] + decay * p[i]);
      next[i] = p[i] - rate * v[i];
    }
  },
};
