"""The warning that a number is not as accurate as was asked for."""

from __future__ import annotations

import warnings


class NotConvergedWarning(UserWarning):
    """A result whose `converged` is False; its error says how far it can be trusted."""


def warn_not_converged(what: str) -> None:
    """Warns the caller of the public function that calls this."""
    warnings.warn(f"not converged: {what}", NotConvergedWarning, stacklevel=3)
