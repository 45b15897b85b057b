"""The devices a reader holds, and the snippets of JavaScript that the site's tests run."""

import re

DEVICES = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
VIEWS = {f"{device}, {scheme}": options | {"color_scheme": scheme}
         for device, options in DEVICES.items() for scheme in ("light", "dark")}
VIEWS["desk, forced colours"] = DEVICES["desk"] | {"forced_colors": "active"}
# What axe, once it is on the page, finds there: a line a rule.
AXE = """async (only) => (await axe.run(document, { ...(only && { runOnly: only }),
  resultTypes: ["violations"] })).violations.map(({ id, nodes }) => `${id}: ${nodes.length} times, `
  + nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 150)} ${any[0]?.message || ""}`))"""
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
# What an explorer shows, by kind: [look, places in px from the corner of its plot]. Of the first
# frame while it is there, else of plotly's drawing.
DRAWING = r"""(root) => {
  const box = root.querySelector(".explorer-plot"), corner = box.getBoundingClientRect();
  const frame = box.querySelector(".explorer-frame"), top = frame || box;
  const all = (ofFrame, ofPlotly) => [...top.querySelectorAll(frame ? ofFrame : ofPlotly)].filter(
    (each) => each.getClientRects().length);
  const look = (each, filled) => {
    const style = getComputedStyle(each), numbers = (text) => text.match(/[\d.]+/g) || [];
    let opacity = 1;
    for (let one = each; one !== top; one = one.parentElement) {
      opacity *= getComputedStyle(one).opacity;
    }
    const colour = (name, more) => {
      const [red, green, blue, alpha = 1] = [...numbers(name), ...(name === "none" ? "0000" : "")];
      const seen = (alpha * more * opacity).toFixed(2);
      return seen > 0 ? `rgb(${red} ${green} ${blue} / ${seen})` : "";
    };
    const fill = filled ? colour(style.fill, style.fillOpacity) : "";
    const width = parseFloat(style.strokeWidth), dashes = numbers(style.strokeDasharray);
    const stroke = width ? colour(style.stroke, style.strokeOpacity) : "";
    const twice = dashes.length % 2 ? [...dashes, ...dashes] : dashes; // as SVG repeats them
    return stroke ? `${fill} ${stroke} ${width} ${twice}` : fill;
  };
  const at = (each, x, y) => {
    const place = new DOMPoint(x, y).matrixTransform(each.getScreenCTM());
    return [place.x - corner.x, place.y - corner.y];
  };
  const boxed = (each) => {
    const { x, y, width, height } = each.getBBox();
    return [look(each, width && height && each.tagName !== "image"),
            ...at(each, x, y), ...at(each, x + width, y + height)];
  };
  const words = [], range = new Range();
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement: parent } = walker.currentNode;
    range.selectNodeContents(walker.currentNode);
    const { x, y, width, height } = range.getBoundingClientRect();
    const { fill, fontSize } = getComputedStyle(parent);
    if (!data.trim() || !parent.closest("text").getBoundingClientRect().width) continue;
    const middle = [x + width / 2 - corner.x, y + height / 2 - corner.y];
    words.push([`${data} ${fill} ${fontSize}`, ...middle]);
  }
  const curve = (each) => {
    const points = [];
    let x = 0, y = 0;
    const steps = /([MLlHV])(-?[\d.]+)(?:[ ,]?(-?[\d.]+))?/g;
    for (const [, letter, a, b] of each.getAttribute("d").matchAll(steps)) {
      if (letter === "l") [x, y] = [x + +a, y + +b];
      else if (letter === "H") x = +a;
      else if (letter === "V") y = +a;
      else [x, y] = [+a, +b];
      points.push([letter === "M", ...at(each, x, y)]);
    }
    return [look(each, false), points];
  };
  return {
    words,
    fonts: [...new Set(all("text", "text").map((each) => getComputedStyle(each).fontFamily))],
    grid: all(".grid line", ".gridlayer path").map(boxed),
    marks: all(".inside circle, .inside svg:not([preserveAspectRatio]) > path",
               ".scatterlayer .points path").filter((each) => each.getBBox().width).map(boxed),
    areas: all(".inside rect, .inside image, .inside > line",
               ".barlayer .point > path, image, .shapelayer path").map(boxed).filter(
      ([look, left, up, right, down]) => look || (left < right && up < down)),
    curves: all(".inside svg[preserveAspectRatio] > path", ".js-line").map(curve),
    clips: all(".inside", ".nsewdrag").map((each) => {
      const { x, y, right, bottom } = each.getBoundingClientRect();
      return [x - corner.x, y - corner.y, right - corner.x, bottom - corner.y];
    }),
  };
}"""
# All that plotly has painted in an explorer, a line an element: where (to .01 px), how, and what it
# says.
PAINTED = r"""(root) => {
  const corner = root.querySelector(".explorer-plot").getBoundingClientRect();
  const how = ["fill", "fillOpacity", "stroke", "strokeOpacity", "strokeDasharray", "opacity"];
  const shapes = root.querySelectorAll(".main-svg :is(path, text, rect, circle, line, image)");
  return [...shapes].filter(
    (each) => each.getClientRects().length && !each.closest("defs")).map((each) => {
    const style = getComputedStyle(each), { x, y, width, height } = each.getBoundingClientRect();
    const shape = each.getAttribute("d")?.replace(/\d+\.\d+/g, (px) => (+px).toFixed(2));
    return [each.tagName, each.textContent, ...how.map((name) => style[name]), shape,
            ...[x - corner.x, y - corner.y, width, height].map((px) => px.toFixed(2))].join(" ");
  }).sort();
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
AS_JSON = """(figure) => JSON.stringify(figure, (key, value) =>
  ArrayBuffer.isView(value) ? Array.from(value) : value)"""
