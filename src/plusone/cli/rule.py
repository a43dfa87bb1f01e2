"""`plusone rule`: what a finding's code means."""

from __future__ import annotations

import textwrap
from typing import Annotated

from cyclopts import Parameter

from plusone.cli.output import width
from plusone.errors import InputError


def rule(
    code: Annotated[str | None, Parameter(help="A finding's code, such as G201.")] = None, /
) -> int:
    """Explain a finding's code; without a code, list all."""
    print(_table() if code is None else _page(code))
    return 0


def _table() -> str:
    from plusone.judge.rules import RULES

    names = max((len(rule.name) for rule in RULES.values()), default=0)
    lines = []
    for code, found in sorted(RULES.items()):
        head = f"{code}  {found.name:<{names}}  {found.severity:<7}"
        lines.append(_wrapped(f"{head}  {found.summary}", indent=6))
    return "\n".join(lines)


def _page(code: str) -> str:
    from plusone.judge.rules import RULES

    found = RULES.get(code.strip().upper())
    if found is None:
        from plusone.target.suggest import did_you_mean

        otherwise = f"; the codes are {', '.join(sorted(RULES))}"
        near = did_you_mean(code.strip().upper(), sorted(RULES), otherwise=otherwise)
        raise InputError(f"there is no rule '{code}'{near}")
    parts = [f"{found.code} {found.name} ({found.severity})", _wrapped(found.summary)]
    for title, text in (
        ("Why", found.why),
        ("Fix", found.fix),
        ("Limits", found.limits),
        ("Reference", found.reference),
    ):
        if text:
            parts.append(f"{title}\n{_wrapped(text, indent=2, first=2)}")
    return "\n\n".join(parts)


def _wrapped(text: str, *, indent: int = 0, first: int = 0) -> str:
    return textwrap.fill(
        text,
        width=min(width(), 100),
        initial_indent=" " * first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
