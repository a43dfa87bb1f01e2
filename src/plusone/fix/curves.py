"""Two loss curves as a small table."""

from __future__ import annotations

import textwrap

from plusone.fix.verify import Verification

_ROWS = 8


def curves_text(found: Verification, *, width: int = 100) -> str:
    """The losses at some steps, and what became of both models."""
    longest = max(len(found.original), len(found.repaired))
    count = min(_ROWS, longest)
    steps = sorted({round(k * (longest - 1) / max(count - 1, 1)) for k in range(count)})
    rows = [f"{'step':>6}  {'original':>10}  {'repaired':>10}"]
    for step in steps:
        rows.append(f"{step:>6}  {_at(found.original, step)}  {_at(found.repaired, step)}")
    head = (
        f"trained side by side, {found.steps} steps of Adam at {found.learning_rate:g}, "
        f"loss: {found.task}"
    )
    end = (
        f"in {found.steps} steps: original {found.original_verdict}, "
        f"repaired {found.repaired_verdict}"
    )
    if found.is_interrupted:
        end += " (interrupted)"
    return "\n".join([textwrap.fill(head, width), *rows, textwrap.fill(end, width)])


def _at(curve: tuple[float, ...], step: int) -> str:
    return f"{curve[step]:>10.4g}" if step < len(curve) else f"{'-':>10}"
