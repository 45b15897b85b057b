// The worker: Pyodide, NumPy and the book's wheels, and cell_runner.py, which does the rest.

import runner from "./cell_runner.py";

const fetchNow = globalThis.fetch;
let python = null, fault = null; // what first went wrong with a file

// A file as it comes, byte by byte counted: Pyodide's own fetch of it gets this answer.
async function counted({ url, size, name }, cache, count) {
  const response = await fetchNow(url, { cache });
  if (!response.ok) throw new Error(`${name} could not be loaded (${response.status})`);
  let here = 0;
  const counting = new TransformStream({
    transform(chunk, out) {
      here += chunk.length;
      count(chunk.length, name);
      out.enqueue(chunk);
    },
    flush(out) {
      if (here === size) return;
      fault ||= new Error(`${name} broke off after ${here} of ${size} bytes`);
      out.error(fault);
    },
  });
  const type = url.includes(".wasm") ? "application/wasm" : "application/octet-stream";
  return new Response(response.body.pipeThrough(counting), { headers: { "Content-Type": type } });
}

async function load({ manifest, fresh }) {
  const answer = await fetchNow(manifest, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`its list of files could not be loaded (${answer.status})`);
  const { runtime, files, wheels } = await answer.json();
  const home = new URL(runtime, manifest).href;
  const all = [...files, ...wheels].map((file) => ({ ...file, url: new URL(file.path, manifest).href }));
  const total = all.reduce((sum, { size }) => sum + size, 0);
  let loaded = 0, told = 0;
  const count = (bytes, name) => {
    loaded += bytes;
    if (loaded < total && performance.now() - told < 50) return;
    told = performance.now();
    postMessage({ progress: { loaded, total, name } });
  };
  const coming = new Map(all.map((file) => [file.url, counted(file, fresh ? "reload" : "force-cache", count)]));
  const broken = Promise.all(coming.values()).then(() => new Promise(() => {})); // only ever fails
  globalThis.fetch = (url, options) => coming.get(new URL(url, home).href) ?? fetchNow(url, options);
  const started = (async () => {
    const { loadPyodide } = await import(`${home}pyodide.mjs`);
    python = await loadPyodide({ indexURL: home, packages: ["numpy"], stdin: () => null, stdout: () => {}, stderr: () => {} });
    for (const { url } of all.slice(files.length)) {
      python.unpackArchive(await (await coming.get(url)).arrayBuffer(), "wheel");
    }
  })();
  await Promise.race([started, broken]);
  globalThis.fetch = fetchNow;
  postMessage({ progress: { loaded: total, total, name: "starting" } });
  python.registerJsModule("page", {
    text: (kind, text) => postMessage({ text: { kind, text } }),
    shown: (json) => postMessage({ shown: JSON.parse(json) }),
  });
  python.FS.writeFile("/home/pyodide/cell_runner.py", runner);
  python.pyimport("cell_runner");
}

function call(name, given) {
  return JSON.parse(python.pyimport("cell_runner").answer(name, JSON.stringify(given)));
}

addEventListener("unhandledrejection", (event) => event.preventDefault()); // Pyodide's own; `load` fails and says why

onmessage = async ({ data: { id, task, given } }) => {
  try {
    postMessage({ id, result: task === "start" ? await load(given) : call(task, given) });
  } catch (error) {
    postMessage({ id, error: String(fault?.message || error.message || error).trim().split("\n").at(-1) });
  }
};
