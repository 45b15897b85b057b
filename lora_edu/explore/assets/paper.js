// On paper: every explorer as it stands, drawn for the width of a sheet, its position in words.
// Joined with its neighbours into one script (see bundle.py).

function onPaper(begins) {
  document.documentElement.classList.toggle("explorer-paper", begins);
  for (const { root, box, plot, player, controls } of explorers.values()) {
    player?.pause(); // on paper stands what is stored
    const place = root.querySelector(".explorer-position");
    const positions = controls.map(({ text, said }) => `${text} = ${said()}`);
    if (place) place.textContent = positions.join(", ");
    if (box.dataset.drawn) plot.load(); // draws at once, for plotly is there
  }
}

addEventListener("beforeprint", () => onPaper(true));
addEventListener("afterprint", () => onPaper(false));
