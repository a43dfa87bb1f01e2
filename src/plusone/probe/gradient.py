"""The backward profile: second moments of the gradient at the blocks' borders, in one backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch.autograd.graph import GradientEdge

from plusone.capture.trace import ValueRef
from plusone.probe.edges import EdgeFinder
from plusone.probe.moments import mean_square


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientProfile:
    """Mean squares of the gradient: `at[value]` per sample, `parameters[name]` over all elements.

    `parameters[name]` is None where no path leads from the parameter to an output. Rows of
    `at[value]` of several backward passes are stacked: shape [passes * samples].
    """

    at: dict[ValueRef, torch.Tensor]
    parameters: dict[str, float | None]


def random_cotangents(
    outputs: Sequence[torch.Tensor], generator: torch.Generator
) -> list[torch.Tensor]:
    """Independent standard normal numbers in the shape of each output: unit variance."""
    found = []
    for t in outputs:
        kind = torch.complex128 if t.is_complex() else torch.float64
        cotangent = torch.randn(t.shape, generator=generator, dtype=kind)
        found.append(cotangent.to(dtype=t.dtype, device=t.device))
    return found


def gradient_profile(
    finder: EdgeFinder,
    values: Iterable[ValueRef],
    batch: int | None,
    backward: Callable[[], dict[str, torch.Tensor | None]],
) -> GradientProfile:
    """The profile over one or more calls of `backward`, which returns parameter gradients.

    Hooks on autograd's nodes read the gradient that arrives at each value while it is there.
    """
    collected: dict[ValueRef, list[torch.Tensor]] = {}
    handles = []
    for value in dict.fromkeys(values):
        edge = finder.edge(value)
        if edge is not None:
            collected[value] = []
            handles.append(_watch(edge, batch, collected[value]))
    try:
        gradients = backward()
    finally:
        for handle in handles:
            handle.remove()
    return GradientProfile(
        at={value: torch.cat(rows) for value, rows in collected.items() if rows},
        parameters={name: _square(g) for name, g in gradients.items()},
    )


def _watch(
    edge: GradientEdge, batch: int | None, rows: list[torch.Tensor]
) -> torch.utils.hooks.RemovableHandle:
    out = edge.output_nr

    def read(gradients: Sequence[torch.Tensor | None]) -> None:
        gradient = gradients[out]
        if gradient is not None:
            rows.append(mean_square(gradient, batch))

    return edge.node.register_prehook(read)


def _square(gradient: torch.Tensor | None) -> float | None:
    if gradient is None:
        return None
    if gradient.layout != torch.strided:
        gradient = gradient.to_dense()
    return float(mean_square(gradient, None))
