// The notebook view: an instrument whose runs come from the kernel (live.py), through anywidget's
// model. Scripts are put in front of this file to make one module.

import { Run } from "./engine.js";
import { mount } from "./front.js";
import { computing } from "./runs.js";

const PATIENCE = 30_000; // ms until a kernel counts as gone

function render({ model, el }) {
  el.innerHTML = model.get("html");
  const root = el.firstElementChild;
  // arrow keys are ours, not JupyterLab's
  for (const input of root.querySelectorAll("input, select, button"))
    input.dataset.lmSuppressShortcuts = "";
  const answers = new Map();

  function onAnswer({ id, error }, [bytes]) {
    answers.get(id)?.({ error, bytes });
    answers.delete(id);
  }

  async function runFor(settings) {
    const id = crypto.randomUUID(); // another view hears the answer, too
    model.send({ id, settings });
    const { error, bytes } = await new Promise((resolve) => {
      answers.set(id, resolve);
      setTimeout(resolve, PATIENCE, { error: "The kernel does not answer." });
    });
    if (error) throw Error(error);
    const start = bytes.byteOffset;
    return new Run(settings, bytes.buffer.slice(start, start + bytes.byteLength));
  }

  model.on("msg:custom", onAnswer);
  const instrument = mount(root, computing(runFor));
  instrument.go(""); // the first frame, too, is the kernel's
  return () => {
    model.off("msg:custom", onAnswer);
    instrument.destroy();
  };
}

export default { render };
