"""Whether the words of a plot can be read: the boxes that the browser gives them, held against the
plot's edges and against each other. Imports the standard library only.

A box is measured where the letters are: of the height that a font reserves, a twelfth of its size
above and below holds no ink of capitals and figures.
"""

from __future__ import annotations

# px of a window. 320: one of 1280 at 400 % zoom. 720: one of 1440 at 200 %. At 1200 the page has
# both its sidebars, and panels that stand side by side have the least room.
WIDTHS = (1440, 1200, 768, 720, 390, 320)
TIGHT = (1200, 390, 320)  # where each control is moved; elsewhere there is more room

# What sticks out of the boxes around a plot: ["cut", the box, px]. Options scroll.
CONTROLS = """(root) => {
  const boxes = ".explorer-controls, .explorer-controls *, .explorer-below, table";
  return [...root.querySelectorAll(boxes)]
    .filter((each) => !each.matches(".explorer-options, .explorer-options *, option"))
    .map((each) => ["cut", each.className || each.tagName,
                    each.clientWidth && each.scrollWidth - each.clientWidth])
    .filter(([, , out]) => out > 1);
}"""

# The faults of an explorer as it stands: ["cut", words, px], ["over", words, others, px] and
# ["tilted", words]. Two letters may lie on each other: they are of a text that is set in cells.
FAULTS = r"""(root) => {
  const plot = root.querySelector(".explorer-plot"), edges = plot.getBoundingClientRect();
  const frame = plot.querySelector(".explorer-frame"), faults = [], found = [];
  const clipOf = (each) => { // the box outside which a picture's part is not drawn
    const inside = each.closest(".inside"), clipped = each.closest("[clip-path]");
    if (inside) return inside.getBoundingClientRect();
    const named = clipped && /url\(.*#(.*?)['"]?\)/.exec(clipped.getAttribute("clip-path"));
    const shape = named && document.getElementById(named[1])?.querySelector("rect");
    if (!shape) return null;
    const [x, y, width, height] = ["x", "y", "width", "height"].map(
      (side) => shape[side].baseVal.value);
    const at = (x, y) => new DOMPoint(x, y).matrixTransform(clipped.getScreenCTM());
    const { x: left, y: top } = at(x, y), { x: right, y: bottom } = at(x + width, y + height);
    return { left, top, right, bottom };
  };
  for (const each of (frame || plot).querySelectorAll("text")) {
    const words = each.textContent.trim(), box = each.getBoundingClientRect();
    const style = getComputedStyle(each), slant = Math.abs(each.getScreenCTM().b);
    if (!words || !box.width || style.visibility === "hidden") continue;
    if (slant > 0.1 && slant < 0.9) faults.push(["tilted", words]); // as ticks that meet
    const blank = parseFloat(style.fontSize) / 12, [dx, dy] = slant > 0.5 ? [blank, 0] : [0, blank];
    const ink = { words, left: box.left + dx, right: box.right - dx,
                  top: box.top + dy, bottom: box.bottom - dy };
    found.push(ink);
    for (const hull of [edges, clipOf(each)].filter(Boolean)) {
      const out = Math.max(hull.left - ink.left, ink.right - hull.right,
                           hull.top - ink.top, ink.bottom - hull.bottom);
      if (out > 0.5) faults.push(["cut", words, Math.round(out)]);
    }
  }
  const letter = ({ words }) => words.length === 1 && /\D/.test(words);
  found.forEach((a, i) => found.slice(0, i).forEach((b) => {
    if (letter(a) && letter(b)) return;
    const apart = 2; // px between words
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left) + apart;
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    const common = Math.min(across, down);
    if (common > 0.5) faults.push(["over", b.words, a.words, Math.round(common)]);
  }));
  faults.push(...(""" + CONTROLS + r""")(root));
  return faults;
}"""

# The faults of explorers, each drawn at its first position and, where one asks for it, with each
# control in turn at its ends (a choice at all its values): {fault: links to the positions}.
ALL_FAULTS = """async ([names, atTheEnds]) => {
  const faultsOf = (""" + FAULTS + r"""), all = {};
  const frame = () => new Promise(requestAnimationFrame);
  for (const name of names) {
    const { explorer } = document.getElementById(`explorer-${name}`);
    const { start, box } = explorer, positions = [start];
    if (atTheEnds) explorer.controls.forEach(({ count }, i) => {
      const slides = explorer.data.controls[i].kind === "slider";
      for (const at of slides ? [0, count - 1] : Array(count).keys()) {
        if (at !== start[i]) positions.push(start.with(i, at));
      }
    });
    while (box._fullLayout?.width !== box.clientWidth) await frame(); // drawn for this window
    for (const position of positions) {
      explorer.put(position);
      explorer.ask();
      await frame();
      for (let more = 30; more && faultsOf(explorer.root).length; more--) {
        await frame(); // it is on its way
      }
      for (const fault of faultsOf(explorer.root)) {
        (all[`${name}: ${fault.join(" | ")}`] ||= []).push(explorer.link());
      }
    }
    explorer.put(start);
    explorer.ask();
  }
  return all;
}"""
