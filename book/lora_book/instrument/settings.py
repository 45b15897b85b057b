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


def _text(value, rule: dict) -> bool:
    return isinstance(value, str) and re.fullmatch(rule["pattern"], value) is not None


CHECKS = {"number": _number, "whole": _whole, "choice": _choice, "text": _text}


def _spelled(value) -> str:
    """A value as JSON, which is how the engine spells it."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:100]
    except TypeError:
        return repr(value)[:100]


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
            listed = ", ".join(map(_spelled, rule.get("allowed", [])))
            allowed = TABLE["words"][rule["kind"]].format_map({**rule, "allowed": listed})
            raise ValueError(f"{name} must be {allowed}, got {_spelled(values[name])}")
    if values["r"] == 1 and values["start"] == "BA zero":
        raise ValueError(TABLE["BA zero"])
    return values


def twin_of(settings: dict) -> dict:
    """The settings of the same run in a unit k times smaller, as far as they follow: twinOf in
    settings.js. "grow" multiplies A and B at the start."""
    k, *follows = settings["twin"].split("-")
    unit = int(k)
    rate = unit if settings["optimiser"] == "Adam" else unit**2
    factors = {"alpha": 1 / unit**2, "eps": 1 / unit, "rate": rate, "decay": 1 / rate}
    twin = {name: settings[name] * factors[name] for name in factors if name in follows}
    return {**settings, **twin, "twin": "", "grow": unit if "start" in follows else 1}
