// The numbers of the shown figure, as a table to copy or to download.
// Joined with its neighbours into one script (see bundle.py).

class Numbers {
  constructor(explorer, button) {
    this.explorer = explorer;
    this.box = document.createElement("div");
    this.box.className = "explorer-numbers";
    this.box.hidden = true;
    const label = "the numbers of this figure, comma-separated";
    this.box.innerHTML =
      `<textarea readonly rows="8" aria-label="${label}"></textarea>` +
      `<a download="${explorer.name}.csv">download</a>`;
    [this.text, this.file] = this.box.children;
    this.text.addEventListener("focus", () => this.text.select()); // to be copied
    button.addEventListener("click", () => {
      this.box.hidden = !this.box.hidden;
      button.ariaExpanded = !this.box.hidden;
      explorer.load();
      this.show();
    });
  }

  show() {
    if (this.box.hidden || !this.explorer.figure) return;
    const csv = csvOf(this.explorer.figure);
    this.text.value = csv;
    this.file.href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`;
    // Only now: a link leads somewhere from its first moment.
    if (!this.box.isConnected) this.explorer.root.append(this.box);
  }
}

const COLUMNS = ["curve", "x", "y", "value", "colour", "text"];
const ALWAYS = COLUMNS.slice(0, 3);

// A row a point, or a cell of a map.
function csvOf({ data, layout }) {
  const rows = data.flatMap((trace, i) => {
    const curve = trace.name || `curve ${i + 1}`;
    const places = Array.isArray(trace.z?.[0]) ? cellsOf(trace) : pointsOf(trace);
    return places.map((place) => ({ curve, ...place }));
  });
  const isUsed = (name) => ALWAYS.includes(name) || rows.some((row) => textOf(row[name]));
  const used = COLUMNS.filter(isUsed);
  const lines = rows.map((row) => used.map((name) => cellOf(row[name])));
  const head = used.map((name) => cellOf(headOf(name, data, layout)));
  return [head, ...lines].join("\n");
}

// A column, with the title of its axis where all curves have that axis and its ticks are numbers.
function headOf(name, data, layout = {}) {
  const { title, ticktext } = layout[`${name}axis`] ?? {};
  const isShared = data.every((trace) => (trace[`${name}axis`] ?? name) === name);
  return title?.text && isShared && !ticktext ? `${name}: ${bare(title.text)}` : name;
}

// The value is customdata where y is only a coordinate.
function pointsOf({ x, y, z, customdata, text, x0, dx, y0, dy }) {
  const columns = [y, x].filter(Array.isArray);
  const count = columns[0]?.length ?? 0;
  const [values, words] = [z ?? customdata, text].map((column) =>
    Array.isArray(column) ? column : [],
  );
  return Array.from({ length: count }, (_, k) => ({
    x: along(x, k, count, x0, dx),
    y: along(y, k, count, y0, dy),
    value: values[k],
    text: words[k],
  }));
}

// Where meta says that z is only a level of colour, the values are customdata.
function cellsOf({ z, x, y, customdata, text, meta, transpose, x0, dx, y0, dy }) {
  const isColour = meta === "levels";
  const cell = (level, j, k) => {
    const [column, line] = transpose ? [j, k] : [k, j];
    const [across, down] = transpose ? [z.length, z[0].length] : [z[0].length, z.length];
    const value = customdata?.[j]?.[k];
    const words = text?.[j]?.[k];
    return {
      x: along(x, column, across, x0, dx),
      y: along(y, line, down, y0, dy),
      value: isColour ? value : level,
      colour: isColour && !customdata ? level : "",
      text: isColour ? words : [words, value].flat().filter((part) => part != null),
    };
  };
  return z.flatMap((levels, j) => levels.map((level, k) => cell(level, j, k)));
}

// A coordinate: of a list, in which cells may be given by their edges, or counted from the first.
function along(places, index, count, first = 0, step = 1) {
  if (!Array.isArray(places)) {
    if (typeof first !== "string") return first + index * step;
    return new Date(Date.parse(first) + index * step).toISOString();
  }
  const areEdges = places.length > count && typeof places[0] === "number";
  return areEdges ? (places[index] + places[index + 1]) / 2 : places[index];
}

function textOf(value) {
  return bare([value].flat().join("; "));
}

// A spreadsheet would take some texts for formulas; an apostrophe makes it a text.
function cellOf(value) {
  const text = textOf(value);
  const isNumber = /^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text);
  const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
