// Unpack the states of an explorer: the counterpart of codec.py, which describes the format.
// Plain functions, no imports: these files are joined into one script (see bundle.py).

const HOLE = "\u0000";

// base64 text -> {count, figure(state) -> {data, layout}}
async function decodeStates(packed) {
  const block = await inflate(Uint8Array.from(atob(packed.trim()), (c) => c.charCodeAt(0)));
  const length = new DataView(block.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(block.subarray(4, 4 + length)));
  let offset = 4 + length;
  const columns = header.columns.map((column) => {
    if (column.json) return { index: column.index, values: column.json };
    const count = Math.max(...column.index) + 1;
    const shapes = column.shapes.length === 1 ? Array(count).fill(column.shapes[0]) : column.shapes;
    const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
    const total = sizes.reduce((a, b) => a + b, 0);
    const numbers = expandPlanes(block.subarray(offset, offset + 4 * total), header.dropped);
    offset += 4 * total;
    let start = 0;
    const values = sizes.map((size, i) => {
      const end = start + size;
      const value = { numbers: numbers.subarray(start, end), shape: shapes[i] };
      start = end;
      return value;
    });
    return { index: column.index, values };
  });
  return {
    count: header.states,
    figure: (state) => fill(header.skeleton, columns, state),
  };
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Byte planes -> zigzag -> differences of differences -> float32 bits.
function expandPlanes(planes, dropped) {
  const total = planes.length / 4;
  const byte = (plane, i) => planes[plane * total + i] << (8 * plane);
  const bits = new Uint32Array(total);
  for (let i = 0; i < total; i++) {
    const zigzag = byte(0, i) | byte(1, i) | byte(2, i) | byte(3, i);
    bits[i] = (zigzag >>> 1) ^ -(zigzag & 1);
  }
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 1; i < total; i++) bits[i] += bits[i - 1];
  }
  for (let i = 0; i < total; i++) bits[i] <<= dropped;
  return new Float32Array(bits.buffer);
}

// A fresh copy of the skeleton with its holes filled: nothing is shared between two states but
// views on the numbers (plotly writes into the layout it is given).
function fill(skeleton, columns, state) {
  if (Array.isArray(skeleton)) return skeleton.map((entry) => fill(entry, columns, state));
  if (skeleton !== null && typeof skeleton === "object") {
    if (HOLE in skeleton) return fill(skeleton.forms[skeleton[HOLE][state]], columns, state);
    const copy = {};
    for (const key in skeleton) copy[key] = fill(skeleton[key], columns, state);
    return copy;
  }
  if (typeof skeleton !== "string" || !skeleton.startsWith(HOLE)) return skeleton;
  const column = columns[+skeleton.slice(1)];
  const value = column.values[column.index[state]];
  if (value?.numbers) return rows(value.numbers, value.shape);
  return structuredClone(value);
}

function rows(numbers, shape) {
  if (shape.length === 1) return numbers.slice();
  const width = numbers.length / shape[0];
  const row = (_, i) => rows(numbers.subarray(i * width, (i + 1) * width), shape.slice(1));
  return Array.from({ length: shape[0] }, row);
}
