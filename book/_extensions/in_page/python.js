// Python in a worker: started with a report of what is loaded, asked, stopped.

export class Stopped extends Error {}

export class Python {
  pending = new Map();
  count = 0;

  // tell: hears {progress} while it starts, {text} and {shown} while a cell runs.
  constructor(worker, tell) {
    this.tell = tell;
    this.worker = new Worker(worker, { type: "module" });
    this.worker.onmessage = ({ data }) => this.heard(data);
    this.worker.onerror = () =>
      this.end(new Error("the browser refused its worker, or the worker crashed"));
  }

  heard({ id, result, error, ended, ...said }) {
    if (id === undefined) return this.tell(said);
    if (ended) return this.end(new Error("it has ended. The next run restarts it."));
    const { resolve, reject } = this.pending.get(id);
    this.pending.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }

  ask(task, given) {
    if (!this.worker) return Promise.reject(new Stopped("Python has been stopped"));
    this.count += 1;
    const id = this.count;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, given });
    });
  }

  // End the worker at once, whatever it does; who waits for it gets the error.
  end(error = new Stopped("stopped")) {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}
