"""How much of a random gradient each edge of the graph of paths hands back."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import torch

from plusone.capture.trace import ValueRef
from plusone.graph.detours import edges_with_detours
from plusone.graph.reduce import PathEdge
from plusone.graph.skipgraph import SkipGraph
from plusone.probe.block_spectra import BlockSpectra, Unmeasured
from plusone.probe.linearise import Linearisation
from plusone.probe.operator import JacobianOperator, NotMeasurable, Place
from plusone.probe.spectrum import JacobianSpectrum

# Up to this many outputs per sample all of them are sent back, one by one; else random ones until
# they hold that many numbers: what blocks leave over is mostly element by element.
_EXACT = 16
_NUM_RANDOM = 1024


def path_gains(
    line: Linearisation,
    graph: SkipGraph,
    blocks: Mapping[int, BlockSpectra],
    *,
    generator: torch.Generator,
) -> tuple[float, ...]:
    """The gain of the mean square of the gradient's elements over each edge; NaN: not known.

    For an edge from value s to the arm a of a join, which enters it times c, the gain is
    c^2 |da/ds|_F^2 / inputs: with u of unit variance, E|J^T u|^2 = |J|_F^2 is shared by as many
    elements as J has inputs. Those of branches and plain blocks follow from their spectra (parallel
    branches share that of their sum); the rest, what stands between nested blocks and projections
    of the skip, takes a backward each. Edges that all paths take change no share and are 1.
    """
    gains = [1.0] * len(graph.path_edges)
    arms = Counter((e.block, e.role, e.start) for e in graph.path_edges)
    beside: dict[int, list[PathEdge]] = {}
    for edge in graph.path_edges:
        beside.setdefault(edge.target, []).append(edge)
    for k in edges_with_detours(graph):
        edge = graph.path_edges[k]
        factor = edge.factor**2
        if edge.start == edge.end:
            gains[k] = factor
            continue
        known = _from_spectrum(graph, blocks, edge)
        if known is not None:
            gains[k] = known / arms[edge.block, edge.role, edge.start]
        else:
            others = {e.start for e in beside[edge.target]} - {edge.start}
            gains[k] = factor * _between(line, edge, others, generator)
    return tuple(gains)


def _from_spectrum(
    graph: SkipGraph, blocks: Mapping[int, BlockSpectra], edge: PathEdge
) -> float | None:
    """The gain of a plain block, or of a branch that runs all the way from its block's entry."""
    if edge.block not in blocks or edge.start != graph.blocks[edge.block].entry:
        return None
    if edge.role == "plain":
        return _mean_square(blocks[edge.block].block)
    return _mean_square(blocks[edge.block].branch) if edge.length else None


def _mean_square(spectrum: JacobianSpectrum | Unmeasured | None) -> float | None:
    """The mean over samples of |J|_F^2 / inputs, from that of the root."""
    if spectrum is None or spectrum.frobenius_rms is None:
        return None
    found = spectrum.frobenius_rms
    num_samples = spectrum.num_samples if isinstance(spectrum, JacobianSpectrum) else 1
    square = found.value**2 + (num_samples - 1) * (found.stderr or 0.0) ** 2
    return square if math.isfinite(square) else None


def _between(
    line: Linearisation, edge: PathEdge, others: set[ValueRef], generator: torch.Generator
) -> float:
    """|d end / d start|_F^2 / inputs, but for what runs through `others`; NaN: not known."""
    source, target = line.place(edge.start), line.place(edge.end)
    cuts = [line.place(value) for value in others]
    if source is None or target is None:
        return math.nan
    batch = line.batch
    if any(place.shape[:1] != (batch,) for place in (source, target)):
        batch = None
    try:
        with (
            JacobianOperator(source, target=target, batch=batch) as operator,
            _cut(place for place in cuts if place is not None),
        ):
            square = _mean_of_probes(operator, generator)
    except NotMeasurable:
        return math.nan
    return square if math.isfinite(square) else math.nan


def _mean_of_probes(operator: JacobianOperator, generator: torch.Generator) -> float:
    shape = (operator.num_samples, operator.num_outputs)
    total = 0.0
    if operator.num_outputs <= _EXACT:
        for i in range(operator.num_outputs):
            u_BM = torch.zeros(shape, dtype=operator.dtype, device=operator.device)
            u_BM[:, i] = 1.0
            total += float(operator.rmatvec(u_BM).double().square().sum())
        return total / (operator.num_samples * operator.num_inputs)
    num_probes = 1 + _NUM_RANDOM // math.prod(shape)
    for _ in range(num_probes):
        u_BM = torch.randn(shape, generator=generator, dtype=operator.dtype)
        total += float(operator.rmatvec(u_BM.to(operator.device)).double().square().sum())
    return total / (num_probes * operator.num_samples * operator.num_inputs)


@contextlib.contextmanager
def _cut(places: Iterator[Place]) -> Iterator[None]:
    """Lets no gradient pass through the places."""
    handles = []
    for place in places:
        handles.append(place.edge.node.register_prehook(_stop(place.edge.output_nr)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _stop:
    def __init__(self, output: int) -> None:
        self._output = output

    def __call__(self, gradients: Sequence[torch.Tensor | None]) -> tuple[torch.Tensor | None, ...]:
        return tuple(
            torch.zeros_like(g) if i == self._output and g is not None else g
            for i, g in enumerate(gradients)
        )
