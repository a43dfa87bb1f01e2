"""Imports of what the extra `labs` brings."""

from __future__ import annotations

from types import ModuleType

from plusone.target.extras import import_extra


def need(package: str) -> ModuleType:
    """The imported package.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(package, extra="labs")
