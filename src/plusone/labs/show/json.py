"""Lab results as JSON, schema `plusone.labs/1`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from plusone.labs.base.claim import LabResult

SCHEMA = "plusone.labs/1"


def results_json(results: Sequence[LabResult]) -> bytes:
    """One object with all results, without pictures.

    A bound that is open, and a number that is not finite, is written as the string "inf", "-inf" or
    "nan": JSON has no numbers for them.
    """
    found = []
    for result in results:
        content = asdict(result) | {"command": result.command}
        content.pop("figures")
        found.append(_plain(content))
    return msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "results": found}), indent=2)


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
