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
    this.text.value = csvOf(this.explorer.figure);
    this.file.href = `data:text/csv;charset=utf-8,${encodeURIComponent(this.text.value)}`;
    // Only now: a link leads somewhere from its first moment.
    if (!this.box.isConnected) this.explorer.root.append(this.box);
  }
}

// A row a point, or a cell of a map: the curve's name, where it stands, the value where y is only a
// coordinate, and its words.
function csvOf({ data }) {
  const rows = data.flatMap(({ name, z, x, y, x0 = 0, y0 = 0, customdata: own, text }, i) => {
    const curve = name || `curve ${i + 1}`;
    if (z) {
      return z.flatMap((row, j) => row.map((value, k) => [curve, x0 + k, y0 + j, value, ""]));
    }
    const [across, up, values, words] = [x, y, own, text].map((column) =>
      Array.isArray(column) ? column : [],
    );
    const point = (_, k) => [curve, across[k] ?? k, up[k] ?? k, values[k] ?? "", words[k] ?? ""];
    return (up.length ? up : across).map(point);
  });
  const isUsed = (column) => column < 3 || rows.some((row) => row[column] !== "");
  const used = [0, 1, 2, 3, 4].filter(isUsed);
  const table = [["curve", "x", "y", "value", "text"], ...rows];
  return table.map((row) => used.map((column) => cellOf(row[column])).join(",")).join("\n");
}

function cellOf(value) {
  const words = bare(value ?? "");
  return /[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
}
