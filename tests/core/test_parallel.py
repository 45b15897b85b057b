"""Pieces of work side by side: the same results on every engine, and what happens to a failure."""

import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from lora_edu import SGD, _parallel, sweep, teacher_student
from lora_edu._runs import RECORDED

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
                       silence_logs=50) as cluster, Client(cluster) as client,
          client.get_executor() as executor):
        assert same_bits(sweep(PROBLEM, executor=executor, **GRID), in_threads)


def test_where_threads_cannot_be_had_the_runs_follow_each_other(in_threads, monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert same_bits(sweep(PROBLEM, **GRID), in_threads)


class Fails(SGD):
    def update(self, params, grads, state):
        raise OSError("out of luck")


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_a_failure_names_the_runs(executor):
    with (executor(2) if executor else nullcontext() as pool,
          pytest.raises(OSError, match="out of luck") as caught):
        sweep(PROBLEM, optimiser=Fails, executor=pool, **GRID)
    assert caught.value.__notes__[0].startswith("in the runs (r, alpha, lr, start, seed) = (")


def test_no_piece_is_begun_after_a_failure():
    begun = []

    def work(piece):
        begun.append(piece)
        time.sleep(0.05)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(_parallel.outcomes(work, range(200)))
    assert len(begun) < 100  # the caller may be slow to hear of it


def threads():
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")


def test_the_limit_of_blas_threads_holds_until_the_last_one_leaves():
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2, user_api="blas"):
        first, second = _parallel.one_blas_thread(), _parallel.one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == 1
        second.__exit__(None, None, None)
        assert threads() == 2


def test_a_bar_counts_the_runs(capsys):
    sweep(PROBLEM, **GRID, progress=True)
    assert "240/240" in capsys.readouterr().err


def test_without_threadpoolctl_the_runs_are_the_same(in_threads, monkeypatch):
    """NumPy alone is the smallest install."""
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert same_bits(sweep(PROBLEM, **GRID), in_threads)


def test_without_progress_there_is_no_bar_and_tqdm_is_not_needed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    sweep(PROBLEM, **GRID)
    assert capsys.readouterr() == ("", "")


def test_openmp_keeps_its_threads():
    pytest.importorskip("torch")  # brings OpenMP
    with threadpool_limits(2), _parallel.one_blas_thread():
        assert {pool["num_threads"] for pool in threadpool_info()
                if pool["user_api"] == "openmp"} == {2}
