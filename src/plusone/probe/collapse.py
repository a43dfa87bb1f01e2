"""What of the samples and of the gradient's directions is left at the far end of the net.

A gradient of the right size is not enough: a net may send every sample to the same place, or pass
one direction of the gradient alone. Both are measured here, beside the profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch.autograd.graph import GradientEdge

from plusone.capture.eager import Recording
from plusone.capture.nested import tensors_in
from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import MIXING, POOLING, TRANSPARENT, base_name
from plusone.graph.skipgraph import SkipGraph
from plusone.probe.edges import EdgeFinder
from plusone.probe.gradient import first_samples, random_cotangents
from plusone.probe.moments import as_samples
from plusone.probe.signal import SignalObserver
from plusone.records import NOT_MEASURED, Value

# Random cotangents whose gradients are compared: three pairs in each sample.
NUM_COTANGENTS = 3
# The alignment is that of a batch of this size, and no more samples are compared.
_REFERENCE = 64
# With fewer outputs for each sample than the nets had that the verdict was fitted on.
_LEAST_OUTPUTS = 10
# Random codes whose alignments are averaged.
_NUM_CODES = 16
# With fewer samples an alignment is high whatever the net does: of two it is always 1.
LEAST_SAMPLES = 16


def gradient_collapse(gradients: Sequence[torch.Tensor]) -> Value:
    """The mean cos^2 between gradients that independent random cotangents send to one place.

    `gradients` are K tensors [samples, numbers]; a pair is compared within a sample. In expectation
    it is near 1 / PR with the participation ratio PR = (tr J J^T)^2 / tr (J J^T)^2 of the Jacobian
    J between the place and the output, between half of that and it: PR is the number of directions
    that J keeps apart. So 1 says that whatever the loss asks for, the place hears the same. A
    gradient of zeros has collapsed.
    """
    g_KBN = torch.stack(list(gradients)).double()
    if not bool(torch.isfinite(g_KBN).all()):
        return Value.of(math.nan)
    # Squares of a gradient of 1e-200 would be zero.
    largest_KB1 = g_KBN.abs().amax(2, keepdim=True)
    g_KBN = g_KBN / torch.where(largest_KB1 > 0, largest_KB1, 1.0)
    unit_KBN = g_KBN / g_KBN.norm(dim=2, keepdim=True).clamp_min(1e-300)
    cos_BKK = torch.einsum("kbn,jbn->bkj", unit_KBN, unit_KBN)
    one, other = torch.triu_indices(len(gradients), len(gradients), 1)
    squares_B = cos_BKK.square()[:, one, other].mean(1)
    squares_B[(largest_KB1 == 0).any(0)[:, 0]] = 1.0
    n = len(squares_B)
    return Value.of(
        float(squares_B.mean()), stderr=float(squares_B.std()) / math.sqrt(n) if n > 1 else None
    )


def why_not_calibrated(batch: int | None, collapse: Value) -> str:
    """Why collapse or alignment is missing, in words."""
    if batch is None:
        return "which dimension of the inputs counts the samples could not be told"
    if batch < LEAST_SAMPLES:
        return f"{batch} of the {LEAST_SAMPLES} samples that they take: give a larger batch"
    if not collapse.is_measured:
        return "no gradient was found at the first block's input, or only one backward is allowed"
    return "the input or what the last layer reads was not found"


def collapse_place(finder: EdgeFinder, graph: SkipGraph) -> GradientEdge | None:
    """Where the gradients are compared: the first block's input, or None for small batches."""
    batch = finder.trace.batch
    if batch is None or batch < LEAST_SAMPLES or graph.first is None:
        return None
    number, out = graph.first
    shape = finder.trace.ops[number].shapes[out]
    is_told = bool(shape) and (shape[0] == batch or (len(shape) == 2 and shape[0] % batch == 0))
    return finder.edge(graph.first) if is_told else None


def collapse_roots(
    recording: Recording, finder: EdgeFinder, outputs: Sequence[torch.Tensor]
) -> Sequence[torch.Tensor | GradientEdge]:
    """Where the random cotangents start: at the outputs, or where the last layer reads.

    The latter where the outputs have fewer than `_LEAST_OUTPUTS` numbers for each sample: the
    gradients of one number always point the same way, whatever the net.
    """
    trace = recording.trace
    if sum(t.numel() for t in outputs) >= _LEAST_OUTPUTS * (trace.batch or 1):
        return outputs
    head = _last_layer(trace)
    for value in () if head is None else trace.ops[head].parents:
        while True:
            edge, op = finder.edge(value), trace.ops[value[0]]
            if edge is not None:
                return [edge]
            if not op.parents or not _keeps_numbers(op.name):
                break
            value = op.parents[0]
    return outputs


def collapse_between(
    roots: Sequence[torch.Tensor | GradientEdge],
    place: GradientEdge | None,
    *,
    batch: int | None,
    known: torch.Tensor | None,
    generator: torch.Generator,
) -> Value:
    """`gradient_collapse` of what cotangents at `roots` send to `place`; their graph is kept.

    `known` is such a gradient that is there already. Not measured without a place, where no root
    depends on it, or where a custom function allows but one backward.
    """
    if place is None:
        return NOT_MEASURED
    found = [] if known is None else [known]
    while len(found) < NUM_COTANGENTS:
        cotangents = random_cotangents(roots, generator)
        try:
            (gradient,) = torch.autograd.grad(
                list(roots),  # type: ignore[arg-type]  # edges and tensors mix
                (place,),
                cotangents,
                retain_graph=True,
                allow_unused=True,
            )
        except RuntimeError:
            return NOT_MEASURED
        if gradient is None:
            return NOT_MEASURED
        found.append(first_samples(gradient, batch))
    return gradient_collapse(found)


def input_alignment(
    recording: Recording, signal: SignalObserver, inputs: object, first: ValueRef | None
) -> Value:
    """Centred kernel alignment between the samples at the input and where the last layer reads.

    <HKH, HLH> / |HKH| |HLH| over the first 64 samples, K the scalar products of a real input (of
    several the one that gives most; beside whole numbers also those of the signal at `first`), L
    the cosines of what the last layer with weights reads: 1 where distances between samples are
    kept up to scale, low where nothing is left of them. How low depends on the data: of independent
    random vectors of p and q numbers it is 1 / sqrt((1 + 64 / p) (1 + 64 / q)), which is near 1 for
    noise of many dimensions; real data lie in few. Asked for before the observer forgets. Not
    measured for fewer than `LEAST_SAMPLES` samples, or samples that do not differ.

    Reference: Cortes, Mohri and Rostamizadeh (2012), "Algorithms for learning kernels based on
    centered alignment", definition 4.
    """
    trace = recording.trace
    if trace.batch is None or trace.batch < LEAST_SAMPLES:
        return NOT_MEASURED
    read = _by_samples(_read_by_head(trace, signal), trace.batch)
    given, is_all = _real_inputs(inputs, trace.batch)
    entry = None if first is None else _by_samples(_source(trace, signal, first), trace.batch)
    if entry is not None and not (given and is_all):
        given.append(entry)
    differing = [x for x in (_centred(_rows(t, trace.batch), t) for t in given) if bool(x.any())]
    if read is None or not differing:
        return NOT_MEASURED
    z = _centred(_directions(_rows(read, trace.batch)), read)
    found = [_alignment(x, z) for x in differing]
    return Value.of(max(found, key=lambda a: -math.inf if math.isnan(a) else a))


def room_of_code(inputs: object, batch: int | None, size: int) -> Value:
    """The alignment with the input that random linear codes of `size` numbers keep, over that of
    codes of `_LEAST_OUTPUTS`; 1 from there on.

    The mean over `_NUM_CODES` Gaussian codes each. Their samples are drawn as L N with K = L L^T
    the scalar products of the inputs, which is what x W is for a Gaussian W. Of several inputs
    the largest such ratio, so the smallest correction: which one gave `input_alignment` is not
    known here. Below `_LEAST_OUTPUTS` numbers it is not measured where `input_alignment` is not.
    """
    if size >= _LEAST_OUTPUTS:
        return Value.of(1.0)
    if batch is None or batch < LEAST_SAMPLES:
        return NOT_MEASURED
    given, _ = _real_inputs(inputs, batch)
    kept = []
    for tensor in given:
        rows = _rows(tensor, batch)
        centred = _centred(rows, tensor)
        if not bool(centred.any()) or not bool(torch.isfinite(rows).all()):
            continue
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        root = vectors * values.clamp_min(0.0).sqrt()
        generator = torch.Generator().manual_seed(0)
        at = {}
        for width in (size, _LEAST_OUTPUTS):
            codes = [
                root @ torch.randn(len(root), width, generator=generator, dtype=root.dtype)
                for _ in range(_NUM_CODES)
            ]
            found = [_alignment(centred, _centred(_directions(z), z)) for z in codes]
            at[width] = sum(found) / len(found)
        if at[_LEAST_OUTPUTS] > 0:
            kept.append(min(max(at[size] / at[_LEAST_OUTPUTS], 0.0), 1.0))
    return Value.of(max(kept)) if kept else NOT_MEASURED


def _rows(tensor: torch.Tensor, batch: int) -> torch.Tensor:
    return as_samples(tensor.detach(), batch)[:_REFERENCE].double()


def _directions(rows: torch.Tensor) -> torch.Tensor:
    rows = rows / rows.abs().amax(1, keepdim=True).clamp_min(1e-300)
    lengths: torch.Tensor = rows.norm(dim=1, keepdim=True)
    return rows / lengths.clamp_min(1e-300)


def _centred(rows: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
    """Rows minus their mean; zeros where they differ by no more than the rounding of `origin`."""
    moved = rows - rows.mean(0)
    rounding = 4 * torch.finfo(origin.dtype).eps * rows.abs().amax(0)
    return torch.zeros_like(moved) if bool((moved.abs() <= rounding).all()) else moved


def _alignment(x: torch.Tensor, z: torch.Tensor) -> float:
    """The alignment that a batch of `_REFERENCE` would have; 0 where all rows are the same."""
    if not bool(torch.isfinite(x).all() and torch.isfinite(z).all()):
        return math.nan
    k, m = (rows / rows.abs().max().clamp_min(1e-300) for rows in (x, z))
    k, m = k @ k.T, m @ m.T
    size = _product(k, k) * _product(m, m)
    return _product(k, m) / math.sqrt(size) if size > 0 else 0.0


def _product(k: torch.Tensor, m: torch.Tensor) -> float:
    """<HKH, HLH> as a batch of `_REFERENCE` samples would have it on average.

    It has n terms on the diagonal and n (n - 1) off it. The means of both are estimated from the
    matrices at hand, off the diagonal without bias and on it nearly so for samples of like size, so
    that a small batch of such samples gives no larger alignment than a large one. Off the diagonal:
    Song et al. (2012), "Feature selection via dependence maximization", eq. 5.
    """
    n = len(k)
    diagonal = float((k.diagonal() * m.diagonal()).mean()) * (n / (n - 1)) ** 2
    beside = float((_u_centred(k) * _u_centred(m)).sum()) / (n * (n - 3))
    return _REFERENCE * (diagonal + (_REFERENCE - 1) * beside)


def _u_centred(k: torch.Tensor) -> torch.Tensor:
    """The matrix without its diagonal, centred so that products of two have no bias."""
    n = len(k)
    k = k.clone().fill_diagonal_(0.0)
    rows = k.sum(0) / (n - 2)
    k = k - rows[:, None] - rows[None, :] + k.sum() / ((n - 1) * (n - 2))
    return k.fill_diagonal_(0.0)


def _real_inputs(inputs: object, batch: int) -> tuple[list[torch.Tensor], bool]:
    """The dense inputs of real numbers, and whether there are no others, as tokens."""
    dense = [t for t in tensors_in(inputs) if t.layout == torch.strided]  # no sparse adjacency
    real = [t for t in dense if t.is_floating_point() or t.is_complex()]
    fitting = [t for t in real if _has_batch(t, batch) and t.numel() > batch]
    return fitting, len(real) == len(dense)


def _by_samples(tensor: torch.Tensor | None, batch: int) -> torch.Tensor | None:
    """The tensor with samples first, also where its rows are the tokens of all; else None."""
    if tensor is None or tensor.dim() == 0 or tensor.shape[0] % batch:
        return None
    if tensor.shape[0] == batch:
        return tensor
    return tensor.reshape(batch, -1) if tensor.dim() == 2 else None


def _has_batch(tensor: torch.Tensor, batch: int) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == batch


def _read_by_head(trace: Trace, signal: SignalObserver) -> torch.Tensor | None:
    """What the last layer with weights on the way to the first output reads.

    Where that is a mean over all places, what the mean is taken of, if it was noted: the mean of
    pictures whose parts moved says little of how their pixels lay to each other.
    """
    head = _last_layer(trace)
    for value in () if head is None else trace.ops[head].parents:
        before = _before_pooling(trace, value)
        found = None if before is None else _nearest(trace, signal, before)
        found = _source(trace, signal, value) if found is None else found
        if found is not None:
            return found
    return None


def _nearest(trace: Trace, signal: SignalObserver, value: ValueRef) -> torch.Tensor | None:
    """What was noted of the value, or of that in front of its activation."""
    found, op = _source(trace, signal, value), trace.ops[value[0]]
    if found is not None or len(op.parents) != 1 or op.params:
        return found
    (above,) = op.parents
    has_shape = trace.ops[above[0]].shapes[above[1]] == op.shapes[value[1]]
    return _source(trace, signal, above) if has_shape else None


def _before_pooling(trace: Trace, value: ValueRef) -> ValueRef | None:
    """The value whose mean over all places this one is, behind changes of form; else None.

    Of three dimensions the shape does not tell places from channels: a mean over either counts.
    """
    while True:
        op = trace.ops[value[0]]
        if not op.parents:
            return None
        above = op.parents[0]
        if base_name(op.name) in POOLING:
            before, after = trace.ops[above[0]].shapes[above[1]], op.shapes[value[1]]
            is_global = len(before) > 2 and math.prod(after) in (
                before[0] * before[1],
                before[0] * before[-1],
            )
            return above if is_global else None
        if not _keeps_numbers(op.name):
            return None
        value = above


def _source(trace: Trace, signal: SignalObserver, value: ValueRef) -> torch.Tensor | None:
    """What was noted of the value, behind changes of form."""
    while True:
        found, op = signal.tensor(value), trace.ops[value[0]]
        if found is not None or not op.parents or not _keeps_numbers(op.name):
            return found
        above = op.parents[0]
        if math.prod(trace.ops[above[0]].shapes[above[1]]) != math.prod(op.shapes[value[1]]):
            return None  # a part alone
        value = above


def _keeps_numbers(name: str) -> bool:
    return base_name(name) in TRANSPARENT


def _last_layer(trace: Trace) -> int | None:
    ahead = {number for number, _ in trace.outputs[:1]}
    for number in range(max(ahead, default=-1), -1, -1):
        if number not in ahead:
            continue
        op = trace.ops[number]
        if op.params and op.parents and base_name(op.name) in MIXING:
            return number
        ahead.update(_operations(op.parents))
    return None


def _operations(values: Iterable[ValueRef]) -> set[int]:
    return {number for number, _ in values}
