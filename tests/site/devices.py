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
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
AS_JSON = """(figure) => JSON.stringify(figure, (key, value) =>
  ArrayBuffer.isView(value) ? Array.from(value) : value)"""
