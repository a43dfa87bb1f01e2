"""The backward profile: second moments of the gradient at the blocks' borders, in one backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch.autograd.graph import GradientEdge

from plusone.capture.trace import ValueRef
from plusone.probe.edges import EdgeFinder
from plusone.probe.fronts import Front, chain_from, fronts_of
from plusone.probe.moments import MAX_SAMPLES, as_samples, mean_square, rms_of_all


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientProfile:
    """Mean squares `at[value]` of the gradient per sample; root mean squares of `parameters`.

    `parameters[name]` is None where no path leads from the parameter to an output, and 0 only
    where all elements are. Of several backward passes `at[value]` holds each sample's mean, shape
    [samples]: passes are no new samples. Where there is but one sample it holds the passes, whose
    spread is that of the random cotangents. `kept` is the gradient of the first samples at the
    value that was to be kept.
    """

    at: dict[ValueRef, torch.Tensor]
    parameters: dict[str, float | None]
    kept: torch.Tensor | None = None


def random_cotangents(
    roots: Sequence[torch.Tensor | GradientEdge], generator: torch.Generator
) -> list[torch.Tensor]:
    """Independent standard normal numbers in the shape of each root: unit variance."""
    found = []
    for root in roots:
        t = root if isinstance(root, torch.Tensor) else root.node._input_metadata[root.output_nr]
        kind = torch.complex128 if t.dtype.is_complex else torch.float64
        cotangent = torch.randn(tuple(t.shape), generator=generator, dtype=kind)
        found.append(cotangent.to(dtype=t.dtype, device=t.device))
    return found


def gradient_profile(
    finder: EdgeFinder,
    values: Iterable[ValueRef],
    batch: int | None,
    backward: Callable[[], dict[str, torch.Tensor | None]],
    *,
    keep: ValueRef | None = None,
) -> GradientProfile:
    """The profile over one or more calls of `backward`, which returns parameter gradients.

    Hooks on autograd's nodes read the gradient that arrives at each value while it is there. That
    of a concatenation which is made anew further on counts there too (see `fronts`). That at
    `keep`, one of the values, is kept for the first samples, as autograd shows it.
    """
    wanted = list(dict.fromkeys(values))
    fronts = fronts_of(finder.trace)
    chains = {front.next: None for v in wanted for front in chain_from(v, fronts)}
    readers = {}
    handles = []
    for value in dict.fromkeys((*wanted, *chains)):
        edge = finder.edge(value)
        if edge is not None:
            readers[value] = _Reader(batch, edge.output_nr)
            handles.append(edge.node.register_prehook(readers[value]))
    for value, reader in readers.items():
        front = fronts.get(value)
        if front is not None and front.next in readers:
            reader.front, reader.above = front, readers[front.next]
            readers[front.next].is_kept = True
    kept: list[torch.Tensor] = []
    if keep in readers:
        readers[keep].samples = kept
    try:
        gradients = backward()
    finally:
        for handle in handles:
            handle.remove()
    return GradientProfile(
        at={v: _over_passes(readers[v].rows) for v in wanted if v in readers and readers[v].rows},
        parameters={name: _size(g) for name, g in gradients.items()},
        kept=kept[-1] if kept else None,
    )


class _Reader:
    """Reads the gradient at one value; keeps it as long as the value at its front needs it."""

    def __init__(self, batch: int | None, output: int) -> None:
        self.rows: list[torch.Tensor] = []
        self.front: Front | None = None
        self.above: _Reader | None = None
        self.is_kept = False
        self.gradient: torch.Tensor | None = None
        self.samples: list[torch.Tensor] | None = None
        self._batch = batch
        self._output = output

    def __call__(self, gradients: Sequence[torch.Tensor | None]) -> None:
        """Called by autograd with the gradients that arrive at the node."""
        gradient = gradients[self._output]
        if gradient is None:
            return
        if self.samples is not None:
            self.samples.append(first_samples(gradient, self._batch))
        if self.above is not None and self.above.gradient is not None:
            assert self.front is not None
            size = gradient.shape[self.front.axis]
            gradient = gradient + self.front.of(self.above.gradient, size)
            self.above.gradient = None
        if self.is_kept:
            self.gradient = gradient
        self.rows.append(mean_square(gradient, self._batch))


def first_samples(gradient: torch.Tensor, batch: int | None) -> torch.Tensor:
    """The first `MAX_SAMPLES` samples as rows, copied so that the rest can be freed.

    Rows of tokens, [samples x tokens, channels], are put together to those of a sample.
    """
    if batch and gradient.dim() == 2 and gradient.shape[0] % batch == 0:
        gradient = gradient.reshape(batch, -1)
    return as_samples(gradient, batch)[:MAX_SAMPLES].clone()


def _over_passes(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    stacked = torch.stack(list(rows))
    return stacked.mean(0) if stacked.shape[1] > 1 else stacked.flatten()


def _size(gradient: torch.Tensor | None) -> float | None:
    if gradient is None:
        return None
    if gradient.layout != torch.strided:
        gradient = gradient.to_dense()
    return rms_of_all(gradient)
