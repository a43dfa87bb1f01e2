"""plusone: do signal and gradient survive your network's depth, and which skips carry them?

>>> import plusone
>>> report = plusone.scan(model, inputs)        # doctest: +SKIP

Public names are imported on first use, so that `import plusone` is cheap and needs no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plusone import landscape as landscape
    from plusone import nn as nn
    from plusone import report as report
    from plusone import testing as testing
    from plusone.errors import (
        CaptureError,
        InputError,
        MissingExtraError,
        PlusoneError,
        ReportError,
        TargetError,
    )
    from plusone.fix import fix
    from plusone.nn.residual import Residual
    from plusone.records import Finding, ScanConfig, Skip, Value, Verdict
    from plusone.report import Report
    from plusone.scan import scan
    from plusone.theory import predict

__version__ = "0.1.0"

__all__ = [
    "CaptureError",
    "Finding",
    "InputError",
    "MissingExtraError",
    "PlusoneError",
    "Report",
    "ReportError",
    "Residual",
    "ScanConfig",
    "Skip",
    "TargetError",
    "Value",
    "Verdict",
    "fix",
    "predict",
    "scan",
]

_HOMES = {
    "CaptureError": "plusone.errors",
    "Finding": "plusone.records",
    "InputError": "plusone.errors",
    "MissingExtraError": "plusone.errors",
    "PlusoneError": "plusone.errors",
    "Report": "plusone.report",
    "ReportError": "plusone.errors",
    "Residual": "plusone.nn.residual",
    "ScanConfig": "plusone.records",
    "Skip": "plusone.records",
    "TargetError": "plusone.errors",
    "Value": "plusone.records",
    "Verdict": "plusone.records",
    "fix": "plusone.fix",
    "predict": "plusone.theory",
    "scan": "plusone.scan",
}


_ROOMS = ("landscape", "nn", "report", "testing")  # read as plusone.nn.NAME


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f"plusone.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'plusone' has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})


class _Package(ModuleType):
    """This package, in which `plusone.scan` is the function, whatever was imported before.

    The import system binds a submodule to its name in the package. `scan` is both a module and
    the public function in it; here the function wins: `from plusone.scan import scan_subject`
    reads the module all the same.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and value.__name__ == _HOMES.get(name):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
