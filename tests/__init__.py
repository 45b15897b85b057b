"""The tests; `python -m pytest tests` and `python -m tests.audit` run from the repository."""
