// Loading, once for all who ask; after a failure whoever asks next tries again.
// Plain functions, no imports: these files are joined into one script (see bundle.py).

function once(make) {
  let promise = null;
  return (...given) => {
    promise ||= make(...given).catch((error) => {
      promise = null;
      throw error;
    });
    return promise;
  };
}

// Runs a script; resolves with what found() then gives, if it gives anything.
function loadScript(src, found) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src });
    script.onload = script.onerror = () => {
      script.remove();
      if (found()) resolve(found());
      else reject(new Error(`could not load ${src}`));
    };
    document.head.append(script);
  });
}
