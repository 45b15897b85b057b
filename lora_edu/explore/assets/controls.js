// The controls of an explorer, as they stand in the HTML of page.py and as a link names them.
// Plain functions, no imports: these files are joined into one script (see bundle.py).

// One interface to the three kinds of HTML control. key(): what a link says of where it stands;
// take(key): stand there, and whether there is such a position; said(): the same for the reader;
// nearest(number): the position whose value is.
function readControl(element, { name, label: text, kind, keys, texts, values }) {
  const inputs = [...element.querySelectorAll("input, option")];
  const output = element.querySelector("output");
  const isChoice = kind === "choice";
  const chosen = inputs[0].tagName === "OPTION" ? "selected" : "checked";
  const property = kind === "slider" ? "value" : chosen;
  const get = () =>
    isChoice ? inputs.findIndex((input) => input[chosen]) : Number(inputs[0][property]);
  const set = (at) => {
    if (isChoice) inputs[at][chosen] = true;
    else inputs[0][property] = at;
  };
  const said = () => texts[get()];
  // Puts a link's key, if there is one such position; a number may be written in any way: 2.0 is 2.
  const take = (key) => {
    let at = keys.indexOf(key);
    if (at < 0 && key) at = keys.findIndex((own) => Number(own) === Number(key));
    if (at >= 0) set(at);
    return at >= 0;
  };
  const nearest = (number) => {
    const apart = values.map((value) => Math.abs(value - number));
    return apart.indexOf(Math.min(...apart));
  };
  return {
    name,
    text,
    keys,
    values,
    get,
    set,
    said,
    take,
    nearest,
    key: () => keys[get()],
    count: keys.length,
    label: () => {
      const text = said();
      if (!output || output.textContent === text) return;
      output.textContent = text;
      inputs[0].ariaValueText = text;
    },
  };
}

// "…#name?r=8&start=both-zero" -> {name, positions}, or null if it is no such link.
function parseLink(address) {
  const parts = /#([^?]+)\?(.*)$/.exec(address || "");
  if (!parts) return null;
  const [name] = new URLSearchParams(parts[1]).keys(); // decodes, and never throws
  return { name, positions: Object.fromEntries(new URLSearchParams(parts[2])) };
}
