// Self-checks (see self_check.py): what is chosen, and what is said of it. Imports nothing. Kept in
// this browser: of each question, by its key, what was chosen last; null where it was looked up.
(() => {
  const KEY = "self-check";
  const TELLING = `.explorer-plot, .explorer-headline,
    .instrument-picture, .instrument-line, .instrument-norms`;
  const CHOOSE = "Choose an answer first.";
  const make = (tag, more) => Object.assign(document.createElement(tag), more);
  const boxes = [...document.querySelectorAll(".self-check")];
  const kept = JSON.parse(localStorage.getItem(KEY)) || {};

  function keep(box, last) {
    kept[box.dataset.key] = last;
    show(box);
    localStorage.setItem(KEY, JSON.stringify(kept));
  }

  const isKept = (box) => box.dataset.key in kept;

  // What a box shows of what is kept of it.
  function show(box) {
    const last = kept[box.dataset.key];
    const { right } = box.dataset;
    const said = box.querySelector(".self-check-said");
    const reasons = box.querySelector(".self-check-reasons").children;
    said.replaceChildren(...(last === null ? [] : reasons[last].cloneNode(true).childNodes));
    if (last !== null && last !== +right) {
      // the links to what teaches it
      const [, where] = reasons[right].firstElementChild.innerHTML.split("→");
      said.firstElementChild.prepend(make("strong", { textContent: "Not this. " }));
      if (where) said.firstElementChild.insertAdjacentHTML("beforeend", ` →${where}`);
    }
    box.dataset.last = last === null ? "" : last === +right ? "right" : "wrong";
  }

  for (const box of boxes) {
    const chosen = () => box.querySelector("input:checked");
    // what was said is not of the new choice
    box.addEventListener("change", () => {
      box.querySelector(".self-check-said").textContent = "";
      box.dataset.last = "";
    });
    const check = () => {
      if (chosen()) keep(box, +chosen().value);
      else box.querySelector(".self-check-said").textContent = CHOOSE;
    };
    box.querySelector(".self-check-buttons button").onclick = check;
    box.addEventListener("keydown", ({ key, target }) => {
      if (key === "Enter" && target.type === "radio") check();
    });
    box.querySelector("summary").addEventListener("click", () => {
      if (!isKept(box)) keep(box, null);
    });
    if (!isKept(box)) continue;
    const last = kept[box.dataset.key];
    if (last !== null) box.querySelectorAll("input")[last].checked = true;
    show(box);
  }

  // An explorer that would tell the answer is blurred until it is asked for: by an answer, a touch
  // of its controls, a link that moves it, or the button.
  for (const asking of document.querySelectorAll('.admonition[class*="covers-"]')) {
    const [, name] = asking.className.match(/covers-([\w-]+)/);
    const own = [...asking.querySelectorAll(".self-check")];
    const figure = document.getElementById(`explorer-${name}`) ?? document.getElementById(name);
    const plot = figure?.querySelector(".explorer-plot, .instrument-picture");
    if (!plot || location.hash.includes("?") || own.every(isKept)) continue;
    const cover = make("div", { className: "self-check-cover d-print-none" });
    const button = make("button", { type: "button", textContent: "Show me" });
    const put = (covered) => {
      figure.classList.toggle("self-check-covered", covered);
      figure.querySelectorAll(TELLING).forEach((part) => {
        part.inert = covered;
      });
    };
    const uncover = () => {
      put(false);
      cover.remove();
    };
    cover.append("This plot shows the answer. Predict first, or ", button);
    const lay = () =>
      Object.assign(cover.style, {
        left: `${plot.offsetLeft}px`,
        top: `${plot.offsetTop}px`,
        width: `${plot.offsetWidth}px`,
        height: `${plot.offsetHeight}px`,
      });
    put(true);
    plot.before(cover);
    lay();
    addEventListener("resize", lay);
    button.onclick = () => {
      uncover();
      figure.querySelector("input")?.focus({ preventScroll: true });
    };
    figure.addEventListener("change", uncover); // also by a link or the player
    for (const box of own) {
      box.addEventListener("click", () => {
        if (own.every(isKept)) uncover();
      });
    }
  }
})();
