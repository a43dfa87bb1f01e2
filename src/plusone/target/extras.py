"""Imports of packages that come with an extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from plusone.errors import MissingExtraError
from plusone.target.torchvision import make_importable


def import_extra(package: str, *, extra: str) -> ModuleType:
    """The imported package; where it is not installed, an error that names the extra."""
    make_importable()
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package.partition(".")[0]:
            raise
        raise MissingExtraError(package, extra) from error
