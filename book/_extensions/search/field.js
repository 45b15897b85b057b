// The fields for searching: what is typed is answered below the field,
// by a list that arrows, Enter and taps open (the combobox pattern of
// ARIA). book.js brings this file when a field is first used.

import places from "search.json";
import { element } from "../in_page/dom.js";
import { finder } from "./rank.mjs";

const site = new URL("..", document.currentScript.src);
const ready = finder(places);
const ANSWERS = new URL("book/answers/answers.html", site);
const EXCERPT = 160; // letters

/** The first words of a text. */
function excerpt(text) {
  return text.length > EXCERPT ? `${text.slice(0, text.lastIndexOf(" ", EXCERPT))} …` : text;
}

/** A hit as a link: its title, the page's, and its verdict or some words. */
function option(place, id) {
  const title = place.kind === "false" ? `A false claim: ${place.title}` : place.title;
  const href = new URL(`${place.page}.html#${place.id}`, site);
  const words = place.verdict ? element("strong", {}, place.verdict) : excerpt(place.text);
  return element(
    "a",
    { role: "option", id, href, tabIndex: -1, ariaSelected: false },
    element("span", { className: "hit-title" }, title),
    element("small", {}, place.of && `in ${place.of}`),
    element("div", {}, words),
  );
}

function attach(field, number) {
  const list = element("div", {
    role: "listbox",
    id: `hits-${number}`,
    ariaLabel: "Results",
    hidden: true,
  });
  const status = element("p", { role: "status" });
  const onItsPage = field.closest(".bd-search-container");
  const onAnswers = field.closest(".answers-field");
  const dialog = field.closest("dialog");
  let active = -1;

  function activate(next) {
    for (const [i, hit] of [...list.children].entries()) hit.ariaSelected = i === next;
    active = next;
    const chosen = list.children[active];
    chosen?.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", chosen?.id ?? "");
  }

  async function answer() {
    const find = await ready;
    const query = field.value.trim();
    const hits = find(query, onItsPage ? 40 : 8);
    if (!hits) return; // as at "how": the hits of "ho" stay until more is typed
    list.replaceChildren(...hits.map((place, i) => option(place, `hit-${number}-${i}`)));
    list.hidden = !hits.length;
    field.ariaExpanded = hits.length > 0;
    activate(-1);
    status.classList.toggle("spoken", hits.fit);
    if (hits.fit || !query) status.textContent = hits.fit ? `Results: ${hits.length}` : "";
    else {
      const advice = hits.length ? "These come closest. Or " : "Try other words, or ";
      const all = element("a", { href: ANSWERS }, "see all questions");
      status.replaceChildren(`Nothing matches. ${advice}`, all, ".");
    }
  }

  function steer(event) {
    const { length } = list.children;
    if (event.key === "ArrowDown") activate((active + 1) % length);
    else if (event.key === "ArrowUp") activate((active > 0 ? active : length) - 1);
    else if (event.key === "Enter" && (active >= 0 || (onAnswers && length)))
      list.children[Math.max(active, 0)].click();
    else return;
    event.preventDefault();
  }

  Object.assign(field, { role: "combobox", ariaAutoComplete: "list" });
  field.setAttribute("aria-controls", list.id);
  field.form.after(element("div", { className: "hits" }, status, list));
  field.addEventListener("input", answer);
  field.addEventListener("keydown", steer);
  list.addEventListener("click", () => {
    history.replaceState({ search: [number, field.value] }, ""); // for whoever comes back
    dialog?.close();
  });
  const [asking, query] = history.state?.search ?? [];
  if (asking === number) {
    field.value = query;
    dialog?.showModal();
    history.replaceState(null, ""); // a later reload shows the page
  } else if (onItsPage) {
    field.value ||= new URLSearchParams(location.search).get("q");
  }
  answer();
}

document.querySelectorAll("form.bd-search input").forEach(attach);
