// The instruments of a page: their runs are computed here, their state stands in the address.

import { Run } from "./engine.js";
import { mount } from "./front.js";
import { computing } from "./runs.js";

const compute = computing((settings) => new Run(settings));
const instruments = new Map();
for (const root of document.querySelectorAll(".instrument")) {
  const keep = (query) =>
    history.replaceState(history.state, "", query ? `#${root.id}?${query}` : `#${root.id}`);
  instruments.set(root.id, mount(root, compute, keep));
}

function follow() {
  const [name, query] = location.hash.slice(1).split("?");
  if (query !== undefined) instruments.get(name)?.go(query);
}

addEventListener("hashchange", follow);
follow();
