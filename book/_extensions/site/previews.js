/* A theorem, equation, word of the glossary or source, shown beside the link that leads to it: on
   pointing, on keyboard focus, or on a first tap. Its page is fetched only then, once. Esc closes. */
"use strict";

(() => {
  const KINDS = /#(?:(?:thm|cor|lem|obs|cit|def|prop|term|equation)-|id\d+$)/;
  const article = document.querySelector("article");
  if (!article || !HTMLElement.prototype.showPopover) return;
  const pages = new Map(), here = location.href.split("#")[0];
  const box = Object.assign(document.createElement("div"), { className: "preview", popover: "auto", tabIndex: -1 });
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Preview");
  let link = null, shown = null, from = 0, timer = 0, touched = false;

  const linkOf = (event) => {
    const found = event.target.closest?.("a.reference.internal[href*='#']");
    return found && !box.contains(found) && KINDS.test(found.getAttribute("href")) ? found : null;
  };

  const page = (address) => {
    if (address === here) return Promise.resolve(document);
    if (!pages.has(address)) pages.set(address, fetch(address).then((answer) => {
      if (!answer.ok) throw new Error(answer.status);
      return answer.text();
    }).then((text) => new DOMParser().parseFromString(text, "text/html")));
    return pages.get(address);
  };

  /** The block of that name: without names of its own, its links leading where they led. */
  const block = async (href) => {
    const [address, id] = href.split("#"), target = (await page(address)).getElementById(decodeURIComponent(id));
    const parts = target ? [target] : [];
    while (parts.at(-1)?.tagName === "DT") parts.push(parts.at(-1).nextElementSibling);  // words share an entry
    const copies = parts.map((part) => {
      const copy = document.importNode(part, true);
      copy.querySelectorAll(".headerlink, script, .explorer").forEach((each) => each.remove());
      for (const each of [copy, ...copy.querySelectorAll("[id], [href]")]) {
        each.removeAttribute("id");
        if (each.hasAttribute("href")) each.href = new URL(each.getAttribute("href"), address).href;
        if (each.getAttribute("role")?.startsWith("doc-")) each.removeAttribute("role");
      }
      return copy;
    });
    if (parts.length < 2) return copies;
    const list = document.createElement("dl");
    list.append(...copies);
    return [list];
  };

  const show = async (wanted) => {
    link = wanted;
    link.removeAttribute("title");  // the browser's own preview of a source
    const parts = await block(link.href).catch(() => { pages.delete(link?.href.split("#")[0]); return []; });
    if (link !== wanted || !parts.length) return;
    const open = Object.assign(document.createElement("a"), { href: link.href, textContent: "open" });
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    close.setAttribute("aria-label", "Close the preview");
    close.addEventListener("click", () => { const back = link; hide(); back?.focus(); });
    const bar = Object.assign(document.createElement("div"), { className: "preview-bar" });
    bar.append(open, close);
    box.replaceChildren(bar, ...parts);
    link.after(box);  // the next Tab leads into it
    box.showPopover();
    box.scrollTop = 0;
    [shown, from] = [wanted, scrollY];
    const at = link.getClientRects()[0], low = at.bottom + box.offsetHeight + 8 < innerHeight;
    box.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${low ? at.bottom + 4 : Math.max(8, at.top - box.offsetHeight - 4)}px`;
    box.tabIndex = box.scrollHeight > box.clientHeight ? 0 : -1;
  };
  const later = (wait, what) => { clearTimeout(timer); timer = setTimeout(what, wait); };
  const hide = () => { clearTimeout(timer); link = null; if (box.matches(":popover-open")) box.hidePopover(); };

  article.addEventListener("pointerover", (event) => {
    const found = linkOf(event);
    if (event.pointerType !== "mouse" || (!found && !link && !timer)) return;
    if (found && found !== link) later(200, () => show(found));
    else if (box.contains(event.target) || found) clearTimeout(timer);
    else later(300, hide);
  });
  article.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && later(300, hide));
  article.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch"; });
  article.addEventListener("click", (event) => {
    const found = linkOf(event);
    if (!touched || !found || found === link) return;
    event.preventDefault();  // a second tap, or "open", follows the link
    show(found);
  });
  article.addEventListener("focusin", (event) => {
    const found = linkOf(event);
    if (found?.matches(":focus-visible") && !touched) show(found);
  });
  article.addEventListener("focusout", ({ relatedTarget: to }) => {
    if (to && to !== link && !box.contains(to)) hide();
  });
  // It closes by itself at a tap elsewhere; that tap may have asked for another one already.
  box.addEventListener("toggle", (event) => { if (event.newState === "closed" && link === shown) link = null; });
  addEventListener("scroll", () => { if (link && link === shown && Math.abs(scrollY - from) > innerHeight / 4) hide(); }, { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
