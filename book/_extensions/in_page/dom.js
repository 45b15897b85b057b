// Elements that Python in the page puts there.

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Keep a text in this browser; false where it keeps nothing, or nothing beyond this page.
export function keep(key, text) {
  try {
    localStorage.setItem(key, text);
    return localStorage instanceof Storage; // else it is book.js's
  } catch {
    return false;
  }
}

export function download(name, blob) {
  element("a", { href: URL.createObjectURL(blob), download: name }).click();
}

export function button(textContent, onclick, className = "") {
  return element("button", { type: "button", textContent, onclick, className });
}
