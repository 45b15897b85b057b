// What a page of this book does before it is painted (storage, colours,
// the fonts' fetch) and, once it is read, for keyboards, screen readers
// and paper. The first script of every page (see theme.py).

// Where the browser keeps nothing for us, what scripts keep
// lasts as long as the page: none of them asks.
for (const name of ["localStorage", "sessionStorage"]) {
  try {
    window[name].getItem("mode");
  } catch {
    const kept = new Map();
    const storage = {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => {
        kept.set(key, String(value));
      },
      removeItem: (key) => {
        kept.delete(key);
      },
    };
    Object.defineProperty(window, name, { value: storage, configurable: true });
  }
}

const page = document.documentElement;
const mode = localStorage.getItem("mode") || "auto";
page.dataset.mode = mode;
page.dataset.theme =
  mode !== "auto" ? mode : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
// A font that comes late moves what stands beside it: that of the icons, those of the text, and the
// two of nearly every formula, are fetched early. A page opened as a file may not do so.
const early = document.currentScript;
if (location.protocol !== "file:") {
  const formulas = "formulas" in early.dataset ? ["Main-Regular", "Math-Italic"] : [];
  const faces = "face" in early.dataset ? ["400-normal", "400-italic", "600-normal"] : [];
  for (const font of [
    "vendor/fontawesome/webfonts/fa-solid-900",
    ...faces.map((name) => `serif/source-serif-4-latin-${name}`),
    ...formulas.map((name) => `katex/fonts/KaTeX_${name}`),
  ]) {
    const href = new URL(`${font}.woff2`, early.src).href;
    document.head.append(
      Object.assign(document.createElement("link"), {
        rel: "preload",
        as: "font",
        crossOrigin: "",
        href,
      }),
    );
  }
}

// Paper is white.
addEventListener("beforeprint", () => {
  page.dataset.screen ??= page.dataset.theme;
  page.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  page.dataset.theme = page.dataset.screen || page.dataset.theme;
  delete page.dataset.screen;
});

// Solutions are called after their exercise, not all alike.
function nameSolutions() {
  for (const button of document.querySelectorAll(".solution .toggle-button")) {
    let before = button.closest(".solution");
    while (!before.matches(".exercise")) before = before.previousElementSibling;
    const title = before.querySelector(".admonition-title").cloneNode(true);
    for (const twice of title.querySelectorAll(".katex-html, .headerlink")) twice.remove();
    button.ariaLabel = `Solution of ${title.textContent.replace(/\s+/g, " ").trim()}`;
  }
}

// The theme's buttons let go of the focus when they are pressed, so
// that their tooltips vanish; one that was pressed from the keyboard
// keeps it. The buttons of the sidebars say whether these are open.
function keepFocus() {
  for (const button of document.querySelectorAll(
    ".theme-switch-button, .search-button, .sidebar-toggle",
  )) {
    button.blur = () => {
      if (!button.matches(":focus-visible")) HTMLElement.prototype.blur.call(button);
    };
  }
  const wide = matchMedia("(min-width: 992px)"); // else the sidebars are dialogs
  for (const side of ["primary", "secondary"]) {
    const button = document.querySelector(`.${side}-toggle`);
    const bar = document.getElementById(`pst-${side}-sidebar`);
    const dialog = document.getElementById(`pst-${side}-sidebar-modal`);
    if (!button || !bar || !dialog) continue;
    const beside = () =>
      side === "primary" && wide.matches && !bar.classList.contains("pst-sidebar-hidden");
    const tell = () => button.setAttribute("aria-expanded", String(dialog.open || beside()));
    document.addEventListener(
      "click",
      ({ target }) => button.contains(target) && setTimeout(tell),
      true,
    ); // the theme stops it later
    dialog.addEventListener("click", ({ target }) => {
      if (target.closest("a[href^='#']")) dialog.close();
    });
    dialog.addEventListener("close", () => {
      tell();
      if (document.activeElement === document.body) button.focus();
    });
    wide.addEventListener("change", tell);
    tell();
  }
}

// What finds places in the book weighs as much as a page, and comes when a field for it is used.
function bringSearch() {
  if (!("search" in early.dataset)) return;
  delete early.dataset.search;
  document.head.append(
    Object.assign(document.createElement("script"), { src: new URL("search.js", early.src) }),
  );
}

document.addEventListener("DOMContentLoaded", () => {
  keepFocus();
  document.querySelector(".bd-search-container input")?.focus(); // on the search page
  if (history.state?.search || new URLSearchParams(location.search).has("q")) bringSearch();
  for (const field of document.querySelectorAll("form.bd-search input")) {
    field.addEventListener("focus", bringSearch);
    field.addEventListener("input", bringSearch);
  }
  setTimeout(nameSolutions); // after the script that makes their buttons
});
