"""The bypass share: how much of an autoencoder's output comes around its latent, and how often."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch.autograd.graph import GradientEdge, Node

from plusone.capture.eager import Recording, record
from plusone.capture.nested import tensors_in
from plusone.capture.sandbox import Sandbox
from plusone.capture.trace import ValueRef
from plusone.graph.latent import Latent
from plusone.graph.opkinds import base_name
from plusone.probe.edges import EdgeFinder
from plusone.probe.gradient import random_cotangents
from plusone.probe.moments import as_samples
from plusone.probe.profile import ratio_of_rms
from plusone.records import NOT_MEASURED, Value
from plusone.target.subject import Subject

# Fewer samples give no variance to speak of.
LEAST_SAMPLES = 4


class Around(NamedTuple):
    """The bypass share, and the share of samples whose output nothing around the latent reaches."""

    share: Value = NOT_MEASURED
    shut: Value = NOT_MEASURED


class _Seen(NamedTuple):
    """Of a value: the variance over the samples of each number of a sample [N], and which are not
    zero [B, N]."""

    variance: torch.Tensor
    is_there: torch.Tensor


class _Variances:
    """Reads the variance over the samples of each element of some values, as they are made."""

    def __init__(self, wanted: Sequence[ValueRef], batch: int) -> None:
        self._wanted, self._batch = frozenset(wanted), batch
        self.reset()

    def reset(self) -> None:
        self.found: dict[ValueRef, _Seen] = {}

    def before(
        self, name: str, values: Sequence[ValueRef], operands: Sequence[torch.Tensor]
    ) -> None:
        for value, operand in zip(values, operands, strict=True):
            if value in self._wanted and value not in self.found:
                self.found[value] = _seen(operand, self._batch)

    def writing(self, tensors: Sequence[torch.Tensor]) -> None:
        pass

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        for out, tensor in enumerate(outputs):
            if (number, out) in self._wanted:
                self.found[number, out] = _seen(tensor, self._batch)


def _seen(tensor: torch.Tensor, batch: int) -> _Seen:
    """In double precision; NaN where the leading dimension does not count the samples."""
    rows = as_samples(tensor.detach(), batch)
    spread = rows.double().var(0) if len(rows) == batch else rows[0].double() * math.nan
    return _Seen(spread, rows != 0)


def bypass_share(
    subject: Subject, latent: Latent, *, batch: int | None, box: Sandbox, seed: int
) -> Around:
    """B = U / (U + Z): the share of the output's variance that comes around the latent z.

    U = sum over the values u around of E|d xhat / d u|^2 Var(u), and Z likewise of z, to first
    order and element by element; each derivative holds the latent and the other values around, so
    that a value that feeds another is not counted twice. Of z the variance of the mean counts: its
    noise says nothing of the input, and skips have none. One more forward and backward with a
    random cotangent g of unit variance, since E (J^T g)_i^2 = |d xhat / d u_i|^2; it ends at z and
    u. The standard error is over samples.
    0 where nothing goes around; not measured for fewer than `LEAST_SAMPLES` samples, or where
    autograd does not see one of the values. A sample is shut where each number of each u is zero,
    or the gradient there, and not that of z.
    """
    if not latent.around:
        return Around(Value.of(0.0), Value.of(1.0))
    if batch is None or batch < LEAST_SAMPLES:
        return Around()
    observer = _Variances((*latent.signals, *latent.around), batch)
    box.restore_contents()
    torch.manual_seed(seed)
    recording = record(subject.model, subject.args, subject.kwargs, box=box, observe=observer)
    variances = observer.found | _of_inputs(subject, recording, batch)
    try:
        found = _share(recording, latent, variances, batch, torch.Generator().manual_seed(seed))
    except RuntimeError:  # a custom function that allows but one backward
        found = Around()
    box.restore_contents()
    box.restore_random_state()
    return found


def _of_inputs(subject: Subject, recording: Recording, batch: int) -> dict[ValueRef, _Seen]:
    given = tensors_in((subject.args, subject.kwargs))
    pairs = zip(recording.trace.inputs, given, strict=False)
    return {(n, 0): _seen(t, batch) for n, t in pairs if t.is_floating_point()}


def _share(
    recording: Recording,
    latent: Latent,
    seen: dict[ValueRef, _Seen],
    batch: int,
    generator: torch.Generator,
) -> Around:
    pairs = zip(recording.trace.outputs, recording.outputs, strict=True)
    root = next((t for value, t in pairs if value == latent.output), None)
    if root is None or not root.requires_grad:
        return Around()
    finder = EdgeFinder(recording, [root])
    inner = [finder.edge(value) for value in latent.values]
    z = [edge for edge in inner if edge is not None]
    entries = [
        _entry(finder, value, join) for value, join in zip(latent.around, latent.joins, strict=True)
    ]
    u = [entry for entry in entries if entry is not None]
    known = [seen.get(value) for value in (*latent.signals, *latent.around)]
    is_seen = all(v is not None and bool(torch.isfinite(v.variance).all()) for v in known)
    if not is_seen or len(z) < len(inner) or len(u) < len(entries):
        return Around()
    cotangents = random_cotangents([root], generator)
    with _stopped([*z, *(e.edge for e in u if e.operand < 0)], [e for e in u if e.operand >= 0]):
        gradients = torch.autograd.grad(
            [root], [*z, *(e.edge for e in u)], cotangents, retain_graph=True, allow_unused=True
        )

    def direct_at(gradient: torch.Tensor | None, value: ValueRef) -> torch.Tensor:
        """Nothing arrives at a latent that makes another one alone."""
        if gradient is None:
            return torch.zeros(seen[value].is_there.shape, dtype=torch.float64)
        return gradient

    at_u = (None if g is None else e.of(g) for e, g in zip(u, gradients[len(z) :], strict=True))
    at_z = [direct_at(g, v) for g, v in zip(gradients, latent.signals, strict=False)]
    direct = [direct_at(g, v) for g, v in zip(at_u, latent.around, strict=True)]
    around = _weighted(direct, latent.around, seen, batch)
    inside = _weighted(at_z, latent.signals, seen, batch)
    ratio = ratio_of_rms(around, around + inside)
    share = float(ratio) ** 2
    error = None if ratio.stderr is None else 2 * float(ratio) * ratio.stderr
    is_alive = torch.stack([(as_samples(g, batch) != 0).any(1) for g in at_z]).any(0).cpu()
    return Around(
        Value.of(share, stderr=error), _shut(direct, latent.around, seen, batch, is_alive)
    )


def _shut(
    gradients: Sequence[torch.Tensor],
    values: Sequence[ValueRef],
    seen: dict[ValueRef, _Seen],
    batch: int,
    is_alive: torch.Tensor,
) -> Value:
    """A sample whose output hears nothing of the latent either tells nothing, and is not shut."""
    is_reached = ~is_alive
    for gradient, value in zip(gradients, values, strict=True):
        heard = as_samples(gradient, batch) != 0
        is_reached |= (heard & seen[value].is_there.to(heard.device)).any(1).cpu()
    return Value.of(float((~is_reached).double().mean()))


@contextmanager
def _stopped(edges: Sequence[GradientEdge], joins: Sequence[_Entry]) -> Iterator[None]:
    """Inside, a backward ends at the edges and at the operands of the joins: what it reads there
    came on ways that met none of the others."""
    outs: dict[Node, set[int]] = {}
    operands: dict[Node, set[int]] = {}
    for edge in edges:
        outs.setdefault(edge.node, set()).add(edge.output_nr)
    for join in joins:
        operands.setdefault(join.edge.node, set()).add(join.operand)
    handles = [node.register_prehook(_without(cut)) for node, cut in outs.items()]
    handles += [
        node.register_hook(lambda given, _, cut=cut: _without(cut)(given))
        for node, cut in operands.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_Gradients = tuple[torch.Tensor | None, ...]


def _without(cut: set[int]) -> Callable[[_Gradients], _Gradients]:
    """Gradients with none in place of those numbered: zeros would meet infinite slopes further."""

    def kept(gradients: _Gradients) -> _Gradients:
        return tuple(None if k in cut else g for k, g in enumerate(gradients))

    return kept


class _Entry(NamedTuple):
    """Where the gradient of a value around is read: there, or at a part of the join it enters as
    that operand."""

    edge: GradientEdge
    operand: int = -1
    axis: int = -1
    start: int = 0
    size: int = 0

    def of(self, gradient: torch.Tensor) -> torch.Tensor:
        if self.axis < 0:
            return gradient
        return gradient.narrow(self.axis, self.start, self.size)


def _entry(finder: EdgeFinder, value: ValueRef, join: ValueRef) -> _Entry | None:
    """None where autograd sees neither the value (written in place through a view) nor its part."""
    edge = finder.edge(value)
    if edge is not None:
        return _Entry(edge)
    edge, op = finder.edge(join), finder.trace.ops[join[0]]
    if edge is None or value not in op.parents:
        return None
    shapes = [finder.trace.ops[p].shapes[max(out, 0)] for p, out in op.parents]
    at = op.parents.index(value)
    if base_name(op.name) == "cat" and op.axis >= 0:
        sizes = [shape[op.axis] for shape in shapes]
        return _Entry(edge, at, axis=op.axis, start=sum(sizes[:at]), size=sizes[at])
    is_plain = base_name(op.name) == "add" and not op.factors and shapes[at] == op.shapes[0]
    return _Entry(edge, at) if is_plain else None


def _weighted(
    gradients: Sequence[torch.Tensor],
    values: Sequence[ValueRef],
    seen: dict[ValueRef, _Seen],
    batch: int,
) -> torch.Tensor:
    """The sum of g_i^2 Var_i for each sample."""
    terms = [
        as_samples(g, batch).double().square() @ seen[value].variance.to(g.device)
        for g, value in zip(gradients, values, strict=True)
    ]
    return torch.stack(terms).sum(0)
