"""Names of modules, chosen as PEFT's ``target_modules`` chooses them."""

import re
from collections.abc import Collection

Targets = str | Collection[str]


def matches(path: str, targets: Targets) -> bool:
    """Whether a layer's name is one that targets choose (see :func:`lora_edu.nn.inject`)."""
    if isinstance(targets, str):
        return re.fullmatch(targets, path) is not None
    return any(path == target or path.endswith("." + target) for target in targets)


def checked(argument: str, targets: Targets, may_be_empty: bool = False) -> str | list[str]:
    """targets, as a string or a list; TypeError or ValueError for what can choose no layer."""
    if isinstance(targets, str):
        try:
            re.compile(targets)
        except (re.error, OverflowError, RecursionError) as error:  # a{99999999999}, ((((…
            raise ValueError(f"{argument} must be a regular expression or a list of names, "
                             f"got {targets!r}: {error}") from None
        return targets
    if not isinstance(targets, Collection) or not all(isinstance(t, str) for t in targets):
        raise TypeError(f"{argument} must be a list of names or one regular expression, "
                        f"got {targets!r}")
    if not len(targets) and not may_be_empty:
        raise ValueError(f"{argument} must be a list of at least one name, got {targets!r}")
    return list(targets)
