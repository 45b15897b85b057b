"""Pieces of work in parallel: in threads, in processes, on a cluster, or one after the other."""

import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from functools import cache


def outcomes(function: Callable, pieces: Iterable,
             executor: Executor | None = None) -> Iterator[tuple]:
    """(piece, function(piece)) for each piece, in the order in which they are done.

    Without an executor there is a thread for each usable core, or none in a browser, which has no
    threads. The error of a piece that fails has a note that says which.
    """
    if executor is None and sys.platform == "emscripten":
        yield from ((piece, function(piece)) for piece in pieces)
        return
    with (one_blas_thread(),
          nullcontext(executor) if executor else ThreadPoolExecutor(usable_cores()) as pool):
        pending = {pool.submit(function, piece): piece for piece in pieces}
        try:
            for future in as_completed(list(pending)):
                piece = pending.pop(future)
                try:
                    result = future.result()
                except Exception as error:
                    error.add_note(f"in the piece {piece!r:.200}")
                    raise
                yield piece, result
        finally:
            for future in pending:
                future.cancel()


def usable_cores() -> int | None:
    """How many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13
        return os.process_cpu_count()
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def as_executor(executor) -> Executor | None:
    """Return an executor, for a Dask Client that of its cluster; TypeError otherwise."""
    if hasattr(executor, "get_executor") and not isinstance(executor, type):
        executor = executor.get_executor()
    if not (executor is None or isinstance(executor, Executor)):
        raise TypeError("executor must be a concurrent.futures.Executor, such as "
                        f"ThreadPoolExecutor(4), or a Dask Client, got {executor!r:.100}")
    return executor


def require_sendable(name: str, function, executor: Executor | None) -> None:
    """Raise a TypeError for a function that the executor's processes cannot be sent."""
    if executor is None:
        return
    from concurrent.futures import ProcessPoolExecutor  # a browser has none

    if isinstance(executor, ProcessPoolExecutor):
        try:
            pickle.dumps(function)
        except Exception as error:  # pickle has several
            raise TypeError(f"{name} must be a name, or a class or a function at the top level of "
                            "a module, when the executor is a ProcessPoolExecutor, got "
                            f"{function!r:.100}: {error}") from None


def one_blas_thread() -> AbstractContextManager:
    """One BLAS thread for work that has others beside it. A worker in another process needs a limit
    of its own.

    Without threadpoolctl (the extra ``fast``) nothing is limited, and workers may slow each other
    down.
    """
    try:
        return _blas().limit(limits=1)
    except ImportError:
        return nullcontext()


@cache
def _blas():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
