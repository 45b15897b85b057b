// The worker: Pyodide, NumPy and the book's wheels, and cell_runner.py, which does the rest.

import runner from "./cell_runner.py";

const fetchNow = globalThis.fetch;
const FOLDER = "/opened"; // of the reader's files
let python = null;

// What Python sees as the module browser_page. opened: the path of the reader's file.
const page = {
  text: (kind, text) => postMessage({ text: { kind, text } }),
  shown: (json) => postMessage({ shown: JSON.parse(json) }),
  progress: (loaded, total) =>
    postMessage({ progress: { loaded, total, name: page.opened?.slice(FOLDER.length + 1) } }),
  opened: null,
};

// A file whose bytes are counted as they come.
async function counted({ url, name }, count) {
  const response = await fetchNow(url);
  if (!response.ok) throw new Error(`${name} could not be loaded (${response.status})`);
  const counting = new TransformStream({
    transform(chunk, out) {
      count(chunk.length, name);
      out.enqueue(chunk);
    },
  });
  const type = url.includes(".wasm") ? "application/wasm" : "application/octet-stream";
  return new Response(response.body.pipeThrough(counting), { headers: { "Content-Type": type } });
}

async function load({ manifest }) {
  const answer = await fetchNow(manifest, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`its list of files could not be loaded (${answer.status})`);
  const { runtime, wheels, files } = await answer.json();
  const address = (path) => new URL(path, manifest).href;
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let loaded = 0;
  let told = 0;
  const count = (bytes, name) => {
    loaded += bytes;
    if (performance.now() - told < 50) return;
    told = performance.now();
    postMessage({ progress: { loaded, total, name } });
  };
  // All come at once; what Pyodide then fetches itself is answered with them.
  const coming = new Map(
    files.map(({ path, name }) => [address(path), counted({ url: address(path), name }, count)]),
  );
  globalThis.fetch = (url, options) =>
    coming.get(new URL(url, address(runtime)).href) ?? fetchNow(url, options);
  const start = async () => {
    const { loadPyodide } = await import(address(`${runtime}pyodide.mjs`));
    python = await loadPyodide({
      indexURL: address(runtime),
      packages: ["numpy"],
      stdin: () => null,
      stdout: () => {},
      stderr: () => {},
    });
  };
  // Pyodide would wait for ever for a file that fails
  await Promise.all([start(), ...coming.values()]);
  for (const wheel of wheels)
    python.unpackArchive(await (await coming.get(address(wheel))).arrayBuffer(), "wheel");
  globalThis.fetch = fetchNow;
  postMessage({ progress: { loaded: total, total, name: "" } });
  python.registerJsModule("browser_page", page);
  python.FS.writeFile("/home/pyodide/cell_runner.py", runner);
  python.pyimport("cell_runner");
}

// Show Python the reader's files, which are read where they lie. None: it sees the sample again.
function open({ blobs, name }) {
  const { FS } = python;
  if (page.opened) FS.unmount(FOLDER);
  else if (!FS.analyzePath(FOLDER).exists) FS.mkdir(FOLDER);
  page.opened = name && `${FOLDER}/${name}`;
  if (name) FS.mount(FS.filesystems.WORKERFS, { blobs }, FOLDER);
}

function call(name, given) {
  return JSON.parse(python.pyimport("cell_runner").answer(name, JSON.stringify(given)));
}

// Whether a cell has ended Python, or Python has failed: then it answers nothing any more.
function hasEnded() {
  try {
    return python !== null && !python.pyimport;
  } catch {
    return true;
  }
}

// Pyodide's own; `load` fails and says why
addEventListener("unhandledrejection", (event) => event.preventDefault());

self.onmessage = async ({ data: { id, task, given } }) => {
  try {
    const own = { start: load, open }[task];
    postMessage({ id, result: own ? await own(given) : call(task, given) });
  } catch (error) {
    const message = String(error.message || error);
    postMessage({ id, error: message.trim().split("\n").at(-1), ended: hasEnded() });
  }
};
