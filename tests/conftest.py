"""One Hypothesis profile for every test: the same examples each time, and no time limit on one."""

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("repeatable")
