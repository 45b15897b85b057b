"""The chapters that a build has to read are executed first, on all cores.

MyST-NB would execute them one by one as it reads them. Instead all are executed before, a kernel a
core, into the cache that MyST-NB then finds (``nb_execution_mode`` is "cache"). Each build empties
it first, because it knows only of changed cells: a page whose library has changed would be given
its old figures. Which pages are read again, Sphinx and ``explore/sphinx_ext.py`` decide.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import create_nb_reader
from sphinx.errors import SphinxError
from sphinx.util import logging

from lora_edu.parallel import usable_cores

from ..imports import imported
from .kernels import with_imported

logger = logging.getLogger(__name__)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def execute_ahead(app, env, docnames) -> None:
    """Execute the notebooks among ``docnames`` into the cache.

    Raises SphinxError for the first that fails.
    """
    settings = env.mystnb_config
    if settings.execution_mode != "cache":
        return
    for threads in THREADS:
        os.environ.setdefault(threads, "1")  # for there is a kernel a core
    shutil.rmtree(settings.execution_cache_path, ignore_errors=True)
    cache = get_cache(settings.execution_cache_path)
    # Late parts begin first, because part III takes longest.
    pages = sorted(docnames, reverse=True)
    notebooks = {page: notebook for page in pages if (notebook := read(env, page))}

    def execute(page):
        return single_nb_execution(notebooks[page], str(Path(env.doc2path(page)).parent),
                                   settings.execution_timeout, settings.execution_allow_errors,
                                   coalesce_streams=True, extra_arguments=["--log-level=ERROR"])

    code = "\n".join(cell.source for notebook in notebooks.values() for cell in notebook.cells
                     if cell.cell_type == "code")
    # Threads are enough, because each only waits for its kernel's process.
    with (with_imported(imported(code, in_functions=True)),
          ThreadPoolExecutor(usable_cores()) as pool):
        running = {page: pool.submit(execute, page) for page in notebooks}
        for page, done in running.items():
            result = done.result()
            path = str(env.doc2path(page))
            if result.err is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                raise SphinxError(f"a cell of {path} failed") from result.err
            logger.info("executed %s in %.1f s", page, result.time)
            cache.cache_notebook_bundle(
                CacheBundleIn(result.nb, path, data={"execution_seconds": result.time}),
                check_validity=False, overwrite=True)


def read(env, page: str):
    """A page as the notebook that MyST-NB will look for; None if it has no cells."""
    path = env.doc2path(page)
    text = Path(path).read_text(encoding="utf-8")
    reader = create_nb_reader(path, env.myst_config, env.mystnb_config, text)
    notebook = reader and reader.read(text)
    return notebook if notebook and any(c.cell_type == "code" for c in notebook.cells) else None
