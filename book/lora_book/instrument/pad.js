// One's own drawing: 32 x 32 cells over the portrait, filled with a finger or the mouse.

import { bitsOf, cellsOf } from "./portrait.js";

const COLUMNS = 32;

// tell(bits): what is drawn, when the finger is lifted.
export function makePad(canvas, tell) {
  const context = canvas.getContext("2d");
  const strokes = [""]; // what was drawn after each, as bits; the last is what is there
  let cells = cellsOf("");
  let from = null;

  function paint() {
    context.clearRect(0, 0, COLUMNS, COLUMNS);
    cells.forEach((cell, i) => {
      const column = i % COLUMNS;
      const row = Math.floor(i / COLUMNS);
      context.fillStyle = (column + row) % 2 ? "#f5f5f3" : "#1a1c1e"; // a draft, seen on any grey
      if (cell) context.fillRect(column, row, 1, 1);
    });
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const inside = (share) => Math.max(0, Math.min(COLUMNS - 1, Math.floor(COLUMNS * share)));
    return [
      inside((event.clientX - box.left) / box.width),
      inside((event.clientY - box.top) / box.height),
    ];
  }

  // Fill the cells from the last place to this one, two wide.
  function fill(to) {
    const length = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
    for (let i = 0; i <= length; i++) {
      const [x, y] = [0, 1].map((axis) =>
        Math.round(from[axis] + (i / length) * (to[axis] - from[axis])),
      );
      for (const column of [x, Math.min(COLUMNS - 1, x + 1)])
        for (const row of [y, Math.min(COLUMNS - 1, y + 1)]) cells[row * COLUMNS + column] = 1;
    }
    from = to;
    paint();
  }

  function finish(bits) {
    cells = cellsOf(bits);
    paint();
    tell(bits);
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = place(event);
    fill(from);
  });
  canvas.addEventListener("pointermove", (event) => from && fill(place(event)));
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => {
      if (!from) return;
      from = null;
      strokes.push(bitsOf(cells));
      finish(strokes.at(-1));
    });

  return {
    begin: (bits) => {
      if (bits !== strokes.at(-1)) strokes.push(bits);
      finish(bits);
    },
    undo: () => {
      if (strokes.length > 1) strokes.pop();
      finish(strokes.at(-1));
    },
    clear: () => {
      strokes.push("");
      finish("");
    },
  };
}
