// The button "Run this page", on every page that has it. All else is fetched at its click.
(() => {
  const line = document.querySelector(".page-python");
  const button = document.querySelector(".btn-run-page");
  const say = (text) => Object.assign(line, { textContent: text, hidden: false });
  const base = new URL(line.dataset.root, document.baseURI).href;
  const saved = Object.keys(
    JSON.parse(localStorage.getItem(`page-python ${location.pathname}`)) || {},
  ).length;
  const cells = saved === 1 ? "1 cell" : `${saved} cells`;
  if (saved) say(`Your changes to ${cells} are kept in this browser. “Run this page” opens them.`);
  const input = document.querySelector(".py-files input"); // on the page that reads a file
  let page = null;
  const begin = async () => {
    if (page) return;
    button.disabled = true;
    try {
      if (location.protocol === "file:")
        throw new Error("a page opened as a file needs a server, such as `make serve`");
      if (!globalThis.WebAssembly) throw new Error("this browser has no WebAssembly");
      const { start } = await import(
        `${base}_static/page-python/run_page.js?v=${line.dataset.version}`
      );
      page = await start(line, base);
      if (page) button.remove();
    } catch (error) {
      say(`Python does not run here: ${error.message}. The page is unchanged.`);
    }
    button.disabled = false;
  };
  button.addEventListener("click", begin);
  input?.addEventListener("click", () => {
    input.value = ""; // so that the same file can be opened again
  });
  input?.addEventListener("change", async () => {
    input.disabled = true;
    await begin();
    await page?.read([...input.files]);
    input.disabled = false;
    if (!page?.own) input.value = ""; // the page shows its sample
  });
})();
