// The button "Run this page", on every page that has it. All else is fetched at its click.
const LFS = "version https://git-lfs"; // how a pointer of Git LFS begins
const IS_POINTER = "is a pointer of Git LFS: git lfs pull brings the file itself.";
const UNTIL_READ = "Reading your file. Until it has been read, the page shows";
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
  const tell = (text) => {
    document.querySelector(".py-files [role=status]").textContent = text;
  };
  // What the page shows if the files that are chosen are not, or not yet, what it shows.
  const present = () => page?.own?.name ?? "its sample";
  const read = async (files) => {
    const starts = await Promise.all(files.map((file) => file.slice(0, LFS.length).text()));
    const pointer = files.find(({ name }, i) => /\.safetensors$/.test(name) && starts[i] === LFS);
    if (pointer) return tell(`${pointer.name} ${IS_POINTER} The page still shows ${present()}.`);
    tell(`${UNTIL_READ} ${present()}.`);
    await begin();
    if (!page) tell("Your file has not been read. The page still shows its sample.");
    return page?.read(files);
  };
  input?.addEventListener("change", async () => {
    const { classList } = document.documentElement;
    input.disabled = true;
    classList.add("py-reading");
    if (!(await read([...input.files]))) input.value = ""; // what it names is what the page shows
    classList.remove("py-reading");
    input.disabled = false;
  });
})();
