"""The tests; `python -m pytest tests` and the modules of benchmarks/ run from the repository."""
