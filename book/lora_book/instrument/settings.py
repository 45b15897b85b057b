"""The settings of the instrument, checked by the table that settings.js also reads."""

import json
import re
from pathlib import Path

TABLE = json.loads(Path(__file__).with_name("settings.json").read_text(encoding="utf-8"))


def _number(value, rule: dict) -> bool:
    return type(value) in (int, float) and rule["min"] <= value <= rule["max"]


def _whole(value, rule: dict) -> bool:
    return _number(value, rule) and value == int(value)


def _choice(value, rule: dict) -> bool:
    return type(value) in (str, int, float) and value in rule["allowed"]


def _bits(value, rule: dict) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{0,171}", value) is not None


def _twin(value, rule: dict) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or not value.keys() <= {"k", "ticks"}:
        return False
    ticks = value.get("ticks", {})
    return (type(value.get("k")) in (int, float) and value["k"] in rule["k"]
            and isinstance(ticks, dict) and ticks.keys() <= set(rule["ticks"])
            and all(isinstance(tick, bool) for tick in ticks.values()))


CHECKS = {"number": _number, "whole": _whole, "choice": _choice, "bits": _bits, "twin": _twin}


def _spelled(value) -> str:
    """A value as JSON, which is how the engine spells it."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:100]
    except TypeError:
        return repr(value)[:100]


def _listed(value) -> str:
    return ", ".join(map(_spelled, value)) if isinstance(value, list) else _spelled(value)


def checked(settings: dict) -> dict:
    """All settings, in the table's order; those that are missing by default.

    Raises:
        ValueError: For one that the table has not, or a value that it does not allow, in the
            words of the table.
    """
    rules = TABLE["settings"]
    for name in settings:
        if name not in rules:
            raise ValueError(TABLE["unknown"].format(name=name, names=", ".join(rules)))
    values = {name: settings.get(name, rule["default"]) for name, rule in rules.items()}
    for name, rule in rules.items():
        if not CHECKS[rule["kind"]](values[name], rule):
            allowed = re.sub(r"{(\w+)}", lambda word, rule=rule: _listed(rule[word[1]]),
                             TABLE["words"][rule["kind"]])
            raise ValueError(f"{name} must be {allowed}, got {_spelled(values[name])}")
    if values["r"] == 1 and values["start"] == "BA zero":
        raise ValueError(TABLE["BA zero"])
    return values
