// A theorem, equation, word of the glossary or source, shown beside the link that leads to it while
// a mouse points there or the keyboard has come there.
(() => {
  const LINK = "article a.reference.internal[href*='#']";
  const KINDS = /#(?:(?:thm|cor|lem|obs|cit|term|equation)-|id\d+$)/;
  const box = Object.assign(document.createElement("div"), {
    className: "preview d-print-none",
    popover: "manual",
  });
  let shown = null;
  let timer = 0;

  async function show(link) {
    hide();
    shown = link;
    link.removeAttribute("title"); // the browser's own preview of a source
    const [address, id] = link.href.split("#");
    const html = await fetch(address).then(
      (answer) => answer.text(),
      () => "",
    );
    const parts = [new DOMParser().parseFromString(html, "text/html").getElementById(id)];
    if (link !== shown || !parts[0]) return;
    // words share an entry
    while (parts.at(-1).tagName === "DT") parts.push(parts.at(-1).nextElementSibling);
    box.replaceChildren(...parts.map((part) => document.importNode(part, true)));
    for (const each of box.querySelectorAll(".headerlink, script, .explorer")) each.remove();
    for (const each of box.querySelectorAll("[id], [href]")) {
      each.removeAttribute("id");
      if (each.hasAttribute("href")) each.href = new URL(each.getAttribute("href"), address);
    }
    link.after(box);
    box.showPopover();
    const at = link.getClientRects()[0];
    const below = at.bottom + box.offsetHeight + 8 < innerHeight;
    const right = document.body.clientWidth - box.offsetWidth - 8;
    const above = Math.max(8, at.top - box.offsetHeight - 4);
    box.style.left = `${Math.max(8, Math.min(at.left, right))}px`;
    box.style.top = `${scrollY + (below ? at.bottom + 4 : above)}px`;
  }

  function hide() {
    shown = null;
    box.remove();
  }

  function later(wait, what) {
    clearTimeout(timer);
    timer = setTimeout(what, wait);
  }

  function linkOf(target) {
    const link = box.contains(target) ? null : target.closest(LINK);
    return link && KINDS.test(link.hash) ? link : null;
  }

  document.addEventListener("pointerover", ({ target, relatedTarget: from, pointerType }) => {
    const link = pointerType === "mouse" ? linkOf(target) : null;
    if (link && link !== shown) later(200, () => show(link));
    else if (link || box.contains(target)) clearTimeout(timer);
    else if (from ? linkOf(from) || box.contains(from) : shown) later(300, hide);
  });
  document.addEventListener("focusin", ({ target }) => {
    if (linkOf(target)?.matches(":focus-visible")) show(target);
  });
  document.addEventListener("focusout", ({ relatedTarget: to }) => {
    if (to && !box.contains(to)) hide();
  });
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide();
  });
})();
