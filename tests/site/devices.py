"""The devices a reader holds, and the snippets of JavaScript that the site's tests run."""

import re

DEVICES = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
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
