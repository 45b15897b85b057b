"""Pieces of work side by side: the same results on every engine, and what happens to a failure."""

import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from lora_edu import SGD, parallel, sweep, teacher_student
from lora_edu.stacked_runs import RECORDED

PROBLEM = teacher_student(12, 9, n=40, shift_rank=3, rng=np.random.default_rng(0))
GRID = {"r": [1, 4], "alpha": [4, 8], "lr": [0.01, 0.02], "seed": range(30), "steps": 10}


def same_bits(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in RECORDED)


@pytest.fixture(scope="module")
def in_threads():
    return sweep(PROBLEM, **GRID)


def test_processes_give_the_bits_of_threads(in_threads):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert same_bits(sweep(PROBLEM, executor=pool, **GRID), in_threads)
        assert pool.submit(int).result() == 0  # it is the caller's, and still open


@pytest.mark.filterwarnings("ignore")  # the cluster's own
def test_a_dask_cluster_gives_the_bits_of_threads(in_threads):
    from distributed import Client, LocalCluster

    with (LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
                       silence_logs=50) as cluster, Client(cluster) as client):
        assert same_bits(sweep(PROBLEM, executor=client, **GRID), in_threads)
        with client.get_executor() as executor:
            assert same_bits(sweep(PROBLEM, executor=executor, **GRID), in_threads)


def test_the_block_for_processes_on_the_page_of_own_experiments(monkeypatch):
    """It is no cell; the pool is one of threads here."""
    page = (Path(__file__).parents[2] / "book" / "own-experiments.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```python\n(from concurrent.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", ThreadPoolExecutor)
    names = {"sweep": sweep, "task": PROBLEM, "rates": [0.01, 0.02]}
    exec(block, names)
    assert same_bits(names["runs"], sweep(PROBLEM, **names["settings"]))


def test_in_a_browser_the_runs_follow_each_other(in_threads, monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(parallel, "ThreadPoolExecutor", None)
    assert same_bits(sweep(PROBLEM, **GRID), in_threads)


class Fails(SGD):
    def update(self, params, grads, state):
        raise OSError("out of luck")


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_a_failure_names_the_runs(executor):
    with (executor(2) if executor else nullcontext() as pool,
          pytest.raises(OSError, match="out of luck") as caught):
        sweep(PROBLEM, optimiser=Fails, executor=pool, **GRID)
    note = caught.value.__notes__[0]
    assert re.match(r"in the piece \((0|120), \[Run\(r=[14], alpha=4, lr=0.01, ", note)


def threads(api):
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == api}


def test_blas_alone_has_one_thread_until_all_workers_are_done():
    pytest.importorskip("torch")  # brings OpenMP
    parallel._blas.cache_clear()  # scipy may have brought another BLAS since

    def work(piece):
        with parallel.one_blas_thread():
            time.sleep(0.01)
        return threads("blas")

    with threadpool_limits(2):
        for _, in_worker in parallel.outcomes(work, range(20)):
            assert in_worker == {1} and threads("openmp") == {2}
        assert threads("blas") == {2}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux limits a process")
def test_a_process_uses_only_the_cores_that_it_may():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert parallel.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_bar_counts_the_runs(capsys):
    sweep(PROBLEM, **GRID, progress=True)
    assert "240/240" in capsys.readouterr().err


def test_numpy_alone_gives_the_same_runs_without_a_bar(in_threads, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    parallel._blas.cache_clear()
    assert same_bits(sweep(PROBLEM, **GRID), in_threads)
    assert capsys.readouterr() == ("", "")
