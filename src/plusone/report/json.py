"""Reports as JSON, schema "plusone.report/1": always valid, and no infinity is lost.

Measured numbers are `Value`s and carry their state. Should a plain number (a cost, a log-count)
not be finite, it is written as the string "nan", "inf" or "-inf", and read back as that number.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np

from plusone.errors import ReportError
from plusone.records import SCHEMA, ReportData

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")
STATES = ["nan", "inf", "-inf"]


def encode(data: ReportData, *, indent: int = 0) -> bytes:
    """The report as UTF-8 JSON, on one line, or indented by `indent` spaces."""
    raw = msgspec.json.encode(_with_states(msgspec.to_builtins(data, enc_hook=_plain)))
    return msgspec.json.format(raw, indent=indent) if indent else raw


def decode(raw: bytes | str, *, source: str = "the text") -> ReportData:
    """The report that `raw` holds; `source` names where it came from, for the error message.

    Raises:
        ReportError: if `raw` is no JSON, no report, or a report of another schema.
    """
    schema = _schema_of(raw, source)
    if schema != SCHEMA:
        raise ReportError(
            f"{source} is of schema {schema!r}, and this plusone reads {SCHEMA!r}: "
            "read it with the version that wrote it, or scan again."
        )
    try:
        return msgspec.json.decode(raw, type=ReportData, strict=False)
    except msgspec.ValidationError as error:
        raise ReportError(f"{source} is a damaged report: {error}.") from error


def _schema_of(raw: bytes | str, source: str) -> str:
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{source} is no JSON ({error}), so it is no plusone report.") from error
    if not isinstance(content, dict) or not isinstance(content.get("schema"), str):
        raise ReportError(f'{source} is JSON, but no plusone report: it has no "schema".')
    return str(content["schema"])


def _plain(value: object) -> object:
    """The builtin that a subclass (torch's version string) or a NumPy scalar stands for."""
    if isinstance(value, np.generic):
        return value.item()
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise NotImplementedError(f"A report holds a {type(value).__name__}, which JSON cannot.")


def _with_states(content: object) -> object:
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    if isinstance(content, dict):
        return {key: _with_states(item) for key, item in content.items()}
    if isinstance(content, list | tuple):
        return [_with_states(item) for item in content]
    return content


def json_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a report; `report.schema.json` is this, written out."""
    schema: dict[str, object] = msgspec.json.schema(ReportData)
    definitions = _with_state_strings(schema["$defs"])
    assert isinstance(definitions, dict)
    definitions["ReportData"]["properties"]["schema"] = {"const": SCHEMA}
    definitions["ReportData"]["required"] = ["schema", *definitions["ReportData"]["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "$ref": schema["$ref"],
        "$defs": definitions,
    }


def _with_state_strings(schema: object) -> object:
    if isinstance(schema, dict):
        if schema.get("type") == "number":
            return {"anyOf": [schema, {"enum": STATES}]}
        # A Value has its own way to say that it is not finite.
        return {
            key: item if key == "Value" else _with_state_strings(item)
            for key, item in schema.items()
        }
    return [_with_state_strings(item) for item in schema] if isinstance(schema, list) else schema


def write_schema(path: Path = SCHEMA_FILE) -> None:
    """Write the JSON Schema to `path` (by default the file that the package ships)."""
    raw = msgspec.json.encode(json_schema())
    path.write_bytes(msgspec.json.format(raw, indent=2) + b"\n")
