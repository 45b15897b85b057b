// The page's notebook with the reader's cells in it.

// from: the address of the notebook that the page offers. Returns a Blob.
export async function notebookOf(cells, from) {
  const answer = await fetch(from);
  if (!answer.ok) throw new Error(`the notebook could not be loaded (${answer.status})`);
  const notebook = await answer.json();
  const own = new Map(
    cells
      .filter((cell) => cell.runs && cell.edited)
      .map((cell) => [cell.original.trim(), cell.text]),
  );
  for (const cell of notebook.cells) {
    const text = own.get(cell.source.join("").trim());
    if (cell.cell_type === "code" && text !== undefined)
      Object.assign(cell, { source: text, outputs: [], execution_count: null });
  }
  return new Blob([JSON.stringify(notebook, null, 1)], { type: "application/x-ipynb+json" });
}
