// The way back from a plot to the link that led there: a button at the foot of the window, Escape,
// and, on a page, the browser's own Back (see page.js).
// Joined with its neighbours into one script (see bundle.py).

let wayBack = null; // there is one at most

// leave: what the button does; call `wayBack.come()` to return from code. The offer ends where the
// plot, once reached, is out of sight again: the reader has read on.
function offerWayBack(link, plot, leave = () => wayBack.come()) {
  wayBack?.end();
  const button = document.createElement("button");
  Object.assign(button, {
    type: "button",
    className: "explorer-return",
    textContent: "↩ back to the text",
    title: "or Escape",
    onclick: leave,
  });
  // in a dialog or an editor the key means something else
  const onEscape = ({ key, target }) => {
    if (key === "Escape" && !target.closest?.("dialog, [contenteditable=true]")) leave();
  };
  let reached = false;
  const goal = new IntersectionObserver(([{ isIntersecting }]) => {
    if (reached && !isIntersecting) wayBack?.end();
    reached = isIntersecting;
  });
  const sight = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) document.body.append(button);
    else if (button.isConnected) wayBack?.end();
  });
  sight.observe(link);
  goal.observe(plot);
  addEventListener("keydown", onEscape);
  wayBack = {
    end() {
      sight.disconnect();
      goal.disconnect();
      removeEventListener("keydown", onEscape);
      button.remove();
      wayBack = null;
    },
    come() {
      this.end();
      link.focus({ preventScroll: true });
      link.scrollIntoView({ block: "center", behavior: scrolling() });
    },
  };
}

function scrolling() {
  return LESS_MOTION.matches ? "instant" : "smooth";
}

// A click that means: here, and not in a new tab or window.
function isPlain(event) {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}
