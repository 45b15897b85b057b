// A point of the plot that can be dragged, or put by a click or a tap: its place sets two sliders.
// Joined with its neighbours into one script (see bundle.py).

const REACH = 36; // px around the point: a finger that begins there drags it, elsewhere it scrolls

class Drag {
  // names: of the sliders along x and along y; null where a place sets none.
  constructor(explorer, names) {
    const { box } = explorer;
    let held = false;
    box.classList.add("explorer-drag");
    const sides = ({ clientX, clientY }) => {
      const { xaxis, yaxis } = box._fullLayout || {};
      if (!xaxis) return []; // not drawn yet
      const { left, top } = box.getBoundingClientRect();
      return [
        [xaxis, clientX - left],
        [yaxis, clientY - top],
      ].flatMap(([axis, px], i) => {
        if (names[i] === null) return [];
        const control = explorer.controls.find(({ name }) => name === names[i]);
        const along = px - axis._offset;
        return {
          control,
          at: axis.p2d(along),
          away: along - axis.d2p(control.values[control.get()]),
        };
      });
    };
    const put = (event) => {
      for (const { control, at } of sides(event)) control.set(control.nearest(at));
      explorer.moved();
    };
    // With one slider there is no point to take hold of, and a finger scrolls.
    const near = (event) => {
      if (names.includes(null)) return false;
      return Math.hypot(...sides(event).map(({ away }) => away)) < REACH;
    };
    box.addEventListener("pointerdown", (event) => {
      held = event.button === 0 && (event.pointerType === "mouse" || near(event));
      if (!held) return;
      box.setPointerCapture(event.pointerId);
      put(event);
    });
    box.addEventListener("pointermove", (event) => held && put(event));
    const release = () => {
      held = false;
    };
    box.addEventListener("pointerup", release);
    box.addEventListener("pointercancel", release);
    const onTouch = (event) => {
      if (held) event.preventDefault();
    };
    box.addEventListener("touchstart", onTouch, { passive: false });
    // A tap elsewhere; plotly makes clicks of its own, which have no place.
    box.addEventListener("click", (event) => event.isTrusted && put(event));
  }
}
