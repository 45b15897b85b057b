"""Pieces of work side by side: in threads, in processes, on a cluster, or one after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

_lock, _limits = threading.Lock(), []


def outcomes(function: Callable, pieces: Iterable, executor: Executor | None = None,
             describe: Callable = repr) -> Iterator[tuple]:
    """(piece, function(piece)) for each piece, in the order in which they are done.

    executor: any ``concurrent.futures.Executor``; None: a thread a core, or none at all where
    threads are unavailable (WebAssembly). The error of a piece that fails has a note that says
    which: ``describe(piece)``.
    """
    if executor is None and not _threads_available():
        yield from ((piece, function(piece)) for piece in pieces)
        return
    own = ThreadPoolExecutor(os.cpu_count()) if executor is None else None
    pending = {(own or executor).submit(function, piece): piece for piece in pieces}
    try:
        for future in as_completed(list(pending)):
            piece = pending.pop(future)
            try:
                result = future.result()
            except Exception as error:
                error.add_note(f"in {describe(piece)}")
                raise
            yield piece, result
    finally:
        for future in pending:
            future.cancel()
        if own:
            own.shutdown()


@contextmanager
def one_blas_thread():
    """One BLAS thread for what runs side by side; the last to leave lifts the limit.

    Without threadpoolctl (the extra ``fast``) nothing is limited: workers may then be slowed down
    by each other's threads.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with _lock:
        _limits.append(None if _limits else threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            if len(_limits) > 1:
                _limits.pop()
            else:
                _limits.pop().restore_original_limits()


def _threads_available() -> bool:
    try:
        threading.Thread().start()
    except RuntimeError:
        return False
    return True
