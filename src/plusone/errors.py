"""The exceptions that plusone raises for its users.

PlusoneError
├── TargetError        a target that does not exist, raises, or gives no model
├── InputError         inputs of the wrong form, shape or type
├── CaptureError       the model's own forward raised, or it cannot be recorded
├── ReportError        a file that is no report, or of another schema
└── MissingExtraError  an optional dependency is not installed

Each message is one sentence or two: what happened, where, what it usually means, what to do.
"""

from __future__ import annotations


class PlusoneError(Exception):
    """Base of all errors that are the user's to fix; the CLI prints them and exits with 2."""


class TargetError(PlusoneError):
    """The target could not be resolved to a model with inputs."""


class InputError(PlusoneError, ValueError):
    """The inputs, targets or options do not fit."""


class CaptureError(PlusoneError):
    """The model's forward could not be run or recorded.

    `report` is the partial report of what was measured before, if anything was.
    """

    report: object | None = None


class ReportError(PlusoneError):
    """A saved report could not be read."""


class MissingExtraError(PlusoneError, ImportError):
    """An optional dependency is missing; the message names the extra to install."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; it comes with the extra '{extra}': "
            f'pip install "plusone[{extra}]"'
        )
