// Elements that Python in the page puts there.

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function button(textContent, onclick, className = "") {
  return element("button", { type: "button", textContent, onclick, className });
}
