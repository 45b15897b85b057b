"""The devices a reader holds, and the snippets of JavaScript that the site's tests run."""

import re

DEVICES = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
ELSEWHERE = re.compile(r"^(?!http://127\.0\.0\.1:\d+/|file:|data:|blob:)")
COUNT_SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map(({ node }) => (node?.outerHTML || node?.data)?.slice(0, 120));
    shifts.push({ value: entry.value, moved });
  }
}).observe({ type: "layout-shift", buffered: true });
"""
NEAREST = """() => Math.min(1e9, ...[...document.querySelectorAll(".explorer")].map(
  (root) => root.getBoundingClientRect().top - innerHeight))"""
# What an explorer shows, by kind; places are in px from the corner of its plot. From the first frame
# while it is there, else from plotly's drawing.
DRAWING = """(root) => {
  const box = root.querySelector(".explorer-plot"), corner = box.getBoundingClientRect();
  const frame = box.querySelector(".explorer-frame"), pick = frame ? 0 : 1, top = frame || box;
  const all = (...selectors) => [...top.querySelectorAll(selectors[pick])].filter(
    (each) => each.getClientRects().length);
  const style = (each, filled) => {
    const look = getComputedStyle(each);
    let opacity = 1;
    for (let one = each; one !== top; one = one.parentElement) opacity *= getComputedStyle(one).opacity;
    const colour = (name, more) => {
      const [red, green, blue, alpha = 1] = name.match(/[\\d.]+/g) || [0, 0, 0, 0];
      return (alpha * more * opacity).toFixed(2) > 0 ? `rgb(${red} ${green} ${blue} / ${(alpha * more * opacity).toFixed(2)})` : "";
    };
    const dashes = look.strokeDasharray.match(/[\\d.]+/g) || [];
    const stroke = parseFloat(look.strokeWidth) ? colour(look.stroke, look.strokeOpacity) : "";
    return [filled ? colour(look.fill, look.fillOpacity) : "", ...(stroke ? [stroke, parseFloat(look.strokeWidth),
      (dashes.length % 2 ? [...dashes, ...dashes] : dashes).join()] : [])].join(" ");
  };
  const at = (each, x, y) => {
    const place = new DOMPoint(x, y).matrixTransform(each.getScreenCTM());
    return [place.x - corner.x, place.y - corner.y];
  };
  const boxed = (each) => {
    const { x, y, width, height } = each.getBBox();
    return [style(each, width && height && each.tagName !== "image"), ...at(each, x, y), ...at(each, x + width, y + height)];
  };
  const words = [], walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT), range = new Range();
  while (walker.nextNode()) {
    const { data, parentElement: parent } = walker.currentNode;
    range.selectNodeContents(walker.currentNode);
    const { x, y, width, height } = range.getBoundingClientRect();
    const { fill, fontSize } = getComputedStyle(parent);
    if (data.trim() && width && parent.closest("text").getBoundingClientRect().width) {
      words.push([[data, fill, fontSize].join(" "), x + width / 2 - corner.x, y + height / 2 - corner.y]);
    }
  }
  return {
    words,
    fonts: [...new Set(all("text", "text").map((each) => getComputedStyle(each).fontFamily))],
    grid: all(".grid line", ".gridlayer path").map(boxed),
    marks: all(".inside circle, .inside svg:not([preserveAspectRatio]) > path", ".scatterlayer .points path")
      .filter((each) => each.getBBox().width).map(boxed),
    areas: all(".inside rect, .inside image, .inside > line", ".barlayer .point > path, image, .shapelayer path")
      .map(boxed).filter(([look, left, up, right, down]) => look || (left < right && up < down)),
    curves: all(".inside svg[preserveAspectRatio] > path", ".js-line").map((each) => {
      const points = [];
      let x = 0, y = 0;
      for (const [, letter, a, b] of each.getAttribute("d").matchAll(/([MLlHV])(-?[\\d.]+)(?:[ ,]?(-?[\\d.]+))?/g)) {
        [x, y] = letter === "l" ? [x + +a, y + +b] : letter === "H" ? [+a, y] : letter === "V" ? [x, +a] : [+a, +b];
        points.push([letter === "M", ...at(each, x, y)]);
      }
      return [style(each, false), points];
    }),
    clips: all(".inside", ".nsewdrag").map((each) => {
      const { x, y, right, bottom } = each.getBoundingClientRect();
      return [x - corner.x, y - corner.y, right - corner.x, bottom - corner.y];
    }),
  };
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
AS_JSON = """(figure) => JSON.stringify(figure, (key, value) =>
  ArrayBuffer.isView(value) ? Array.from(value) : value)"""
