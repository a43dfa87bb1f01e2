"""Parts of messages: the names that come close, and the right article."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """ "; did you mean a, b?" from the names that come close, or `otherwise`."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.7)
    if not close:
        close = sorted((n for n in names if len(name) > 2 and name in n), key=len)[:3]
    return f"; did you mean {', '.join(close)}?" if close else otherwise


def a(value: object) -> str:
    """The type of `value` with its article, such as "an int"."""
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeio' else 'a'} {kind}"
