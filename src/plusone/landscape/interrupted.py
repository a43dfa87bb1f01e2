"""Ctrl-C that keeps what was computed so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

Watch = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""


class Interrupted(KeyboardInterrupt):
    """A KeyboardInterrupt with the record of what was computed before it, as `partial`."""

    def __init__(self, partial: object) -> None:
        super().__init__("interrupted")
        self.partial = partial


def finished(steps: Iterable[object], summary: Callable[[], T]) -> T:
    """Goes through all `steps`, then gives `summary()`.

    Raises:
        Interrupted: Ctrl-C came in between; it holds the summary of the steps done.
    """
    try:
        for _ in steps:
            pass
    except KeyboardInterrupt as error:
        raise Interrupted(summary()) from error
    return summary()


def unwatched(share: float) -> None:
    """For callers who watch nothing."""
