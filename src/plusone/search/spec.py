"""A search declared in a TOML file: the options of `SearchConfig` under their own names."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from plusone.errors import InputError
from plusone.search.space import SpaceConfig
from plusone.search.study import SearchConfig
from plusone.search.training import Training

_TABLES: dict[str, type] = {"space": SpaceConfig, "training": Training}


def read_spec(path: str | Path) -> SearchConfig:
    """The search that a file declares: trials, sampler, ..., [space] and [training].

    Raises:
        InputError: it cannot be read, is no TOML, or has a name or a value that does not fit.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--spec {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"--spec {path} is no TOML: {error}") from error
    _check_names(path, "", found, SearchConfig)
    for table, kind in _TABLES.items():
        inner = found.get(table, {})
        if not isinstance(inner, dict):
            raise InputError(f"--spec {path}: {table} is a table, [{table}], and not {inner!r}")
        _check_names(path, f"{table}.", inner, kind)
    try:
        return msgspec.convert(found, type=SearchConfig)
    except msgspec.ValidationError as error:
        raise InputError(f"--spec {path}: {error}") from error


def _check_names(path: str | Path, prefix: str, given: dict[str, Any], kind: type) -> None:
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {prefix}{near[0]}?" if near else f"it is one of {', '.join(known)}"
            )
            raise InputError(f"--spec {path}: there is no option {prefix}{name}; {hint}")
