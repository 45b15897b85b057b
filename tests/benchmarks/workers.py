"""How ``sweep`` scales over workers: python -m tests.benchmarks.workers

2,400 runs of 100 Adam steps (d = k = 64, r = 8) on one and two workers of each engine, with one
BLAS thread each. Writes what the book includes, book/measured/workers.txt: runs a second, the best
of three rounds in which the engines take turns; and the bytes that travel for a run, there as a
pickled piece of work and back as its results.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from time import perf_counter

import numpy as np
from distributed import Client, LocalCluster

from lora_edu import sweep, teacher_student
from tests.book import REPOSITORY

TABLE = REPOSITORY / "book" / "measured" / "workers.txt"
SIDE, R, STEPS, RUNS, ROUNDS = 64, 8, 100, 2400, 3


class Weighing(Executor):
    """Does the work here and weighs what another process would be sent, and would send back."""

    there = back = 0

    def submit(self, function, /, *args):
        done = Future()
        done.set_result(function(*args))
        self.there += len(pickle.dumps((function, args)))
        self.back += len(pickle.dumps(done.result()))
        return done


def dask_executor(stack: ExitStack, workers: int) -> Executor:
    cluster = stack.enter_context(LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
        silence_logs=50))
    return stack.enter_context(stack.enter_context(Client(cluster)).get_executor())


def main():
    problem = teacher_student(SIDE, SIDE, shift_rank=4, rng=np.random.default_rng(0))

    def seconds(executor, runs=RUNS):
        begin = perf_counter()
        sweep(problem, r=R, alpha=16, lr=1e-3, seed=range(runs), steps=STEPS, executor=executor)
        return perf_counter() - begin

    weighing = Weighing()
    seconds(weighing)
    with ExitStack() as stack:
        engines = {
            "threads": lambda n: stack.enter_context(ThreadPoolExecutor(n)),
            "processes": lambda n: stack.enter_context(
                ProcessPoolExecutor(n, mp_context=get_context("spawn"))),
            "Dask": lambda n: dask_executor(stack, n)}
        pools = {(name, n): make(n) for name, make in engines.items() for n in (1, 2)}
        for pool in pools.values():
            seconds(pool, runs=200)  # workers import NumPy once
        best = {key: min(times) for key, times in zip(pools, zip(*(
            [seconds(pool) for pool in pools.values()] for _ in range(ROUNDS)), strict=True),
            strict=True)}
    lines = ["| engine | one worker | two workers | ratio |", "|---|--:|--:|--:|"]
    for name in engines:
        one, two = RUNS / best[name, 1], RUNS / best[name, 2]
        lines.append(f"| {name} | {one:,.0f} runs/s | {two:,.0f} runs/s | {two / one:.2f} |")
    lines += ["", f"A run sends {weighing.there / RUNS / 1e3:.1f} kB to its worker and "
                  f"{weighing.back / RUNS / 1e3:.1f} kB back; a million runs send "
                  f"{weighing.there / RUNS / 1e3:.1f} GB and {weighing.back / RUNS / 1e3:.1f} GB. "
                  f"Measured with d = k = {SIDE}, r = {R}, {STEPS} steps."]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
