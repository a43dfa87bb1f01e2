"""Evidence made by hand, for rules that know no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from plusone.judge.judge import judge
from plusone.records import (
    BlockReport,
    EndToEnd,
    Evidence,
    Finding,
    PathLaw,
    ScanConfig,
    Structure,
    Value,
    Verdict,
)

WIDTH = 64


def block(name: str, **fields: object) -> BlockReport:
    """A healthy residual block; numbers become values."""
    kind = fields.pop("kind", "residual")
    values = {
        "signal_rms": 1.0,
        "gradient_norm": 1.0,
        "similarity": 0.1,
        **({"residual_ratio": 0.5, "skip": "identity"} if kind == "residual" else {}),
        **fields,
    }
    numbers = {k: Value.of(v) if isinstance(v, float) else v for k, v in values.items()}
    shapes = {"shape": (8, WIDTH), "input_shape": (8, WIDTH), "layers": 2, "depth": 1}
    return BlockReport(name=name, kind=kind, **{**shapes, "module": name, **numbers})


def chain(count: int, *, kind: str = "residual", **series: Sequence[float]) -> list[BlockReport]:
    """Blocks `blocks.0` and so on, fields given as one number for each."""
    return [
        block(f"blocks.{k}", kind=kind, **{name: float(v[k]) for name, v in series.items()})
        for k in range(count)
    ]


def evidence(
    blocks: Sequence[BlockReport],
    *,
    gradient: float = math.nan,
    signal: float = math.nan,
    **fields: object,
) -> Evidence:
    """Evidence of some blocks, with the decades of gradient and signal from end to end."""
    return Evidence(
        blocks=tuple(blocks),
        end_to_end=EndToEnd(
            log10_gradient_ratio=_value(gradient), log10_signal_ratio=_value(signal)
        ),
        **fields,
    )


def drift(blocks: Sequence[BlockReport], gradient: float) -> Evidence:
    """Evidence whose gradient norms are those of the blocks and start at `gradient` decades."""
    return evidence(blocks, gradient=gradient, signal=0.0)


def structure(count: int, *, shortest: int = 0) -> Structure:
    """A structure of `count` blocks whose shortest path passes `shortest` of them."""
    law = PathLaw(log10_count=0.0, min_length=shortest, max_length=count, mean_length=count / 2)
    return Structure(num_blocks=count, depth=count, paths=law)


def found(made: Evidence, *, shortest: int = 0, **config: object) -> list[Finding]:
    """The findings on some evidence."""
    return list(judged(made, shortest=shortest, **config)[0])


def judged(
    made: Evidence, *, shortest: int = 0, **config: object
) -> tuple[tuple[Finding, ...], Verdict | None]:
    """Findings and verdict on some evidence."""
    shape = structure(len(made.blocks), shortest=shortest)
    return judge(shape, made, replace(ScanConfig(), **config))


def codes(findings: Sequence[Finding]) -> list[str]:
    """The codes of some findings."""
    return [finding.code for finding in findings]


def _value(number: float) -> Value:
    return Value() if math.isnan(number) else Value.of(number)
