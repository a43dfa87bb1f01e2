"""The profile of every block, put together from one forward and its backward."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, MIXING, base_name
from plusone.graph.skipgraph import Block, SkipGraph
from plusone.probe.gradient import GradientProfile
from plusone.probe.moments import MAX_TOKENS, Moments, effective_rank, mean_cosine
from plusone.probe.signal import SignalObserver
from plusone.records import NOT_MEASURED, BlockReport, EndToEnd, Evidence, NotMeasured, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The raw profile: what the observer read, and the gradients (None where none was made)."""

    trace: Trace
    graph: SkipGraph
    signal: SignalObserver
    gradient: GradientProfile | None


def profile_evidence(profile: Profile) -> Evidence:
    """The profile in the words of a report."""
    branches = _branches(profile.trace, profile.graph) if profile.gradient is not None else {}
    blocks = tuple(
        _block(profile, block, branches.get(block.name, _Branch()).is_random)
        for block in profile.graph.blocks
    )
    where, what = _first_non_finite(profile, branches)
    return Evidence(
        blocks=blocks,
        end_to_end=EndToEnd(
            log10_gradient_ratio=_gradient_ratio(profile),
            log10_signal_ratio=_signal_ratio(blocks),
        ),
        first_non_finite=where,
        non_finite_in=what,
        dead_blocks=_dead_blocks(profile, branches, {b.name: b.residual_ratio for b in blocks}),
        not_measured=_gaps(profile),
    )


def rms(square: torch.Tensor) -> Value:
    """The root of the mean of per-sample mean squares, with the standard error by propagation."""
    mean = float(square.mean())
    root = math.sqrt(mean) if mean >= 0 else math.nan
    n = square.numel()
    if n < 2 or not math.isfinite(mean) or root == 0.0:
        return Value.of(root)
    return Value.of(root, stderr=float(square.std()) / math.sqrt(n) / (2 * root))


def _block(profile: Profile, block: Block, is_random: bool) -> BlockReport:
    moments = _at(profile, block)
    gradient = profile.gradient.at.get(block.output) if profile.gradient else None
    size = _per_sample(profile.trace, block.output)
    norm = rms(gradient * size) if gradient is not None else NOT_MEASURED
    return BlockReport(
        name=block.name,
        depth=block.depth,
        kind=block.kind,
        module=block.module,
        skip=block.skip,
        signal_rms=rms(moments.square) if moments is not None else NOT_MEASURED,
        gradient_rms=rms(gradient) if gradient is not None else NOT_MEASURED,
        gradient_norm=norm,
        residual_ratio=_residual_ratio(profile.signal, block, is_random),
        similarity=_samples(profile, block),
        token_similarity=_tokens(profile, block),
        rank=_rank(moments),
        shape=block.shape,
        input_shape=block.input_shape,
        layers=block.layers,
        level=block.level,
    )


def _per_sample(trace: Trace, value: ValueRef) -> int:
    """Elements per sample, also where samples and positions share the leading dimension."""
    shape = trace.ops[value[0]].shapes[max(value[1], 0)]
    batch = trace.batch
    is_batch = batch is not None and bool(shape) and shape[0] % batch == 0
    return max(math.prod(shape) // batch if batch and is_batch else math.prod(shape), 1)


def _residual_ratio(signal: SignalObserver, block: Block, is_random: bool) -> Value:
    """rms(branch) / rms(skip) over the samples; with stochastic depth, over those that kept it."""
    if block.skip_value is None:
        return NOT_MEASURED
    skip = signal.squares.get(block.skip_value)
    terms = [signal.squares[b] for b in block.branches if b in signal.squares]
    if skip is None or not terms or any(t.shape != skip.shape for t in terms):
        return NOT_MEASURED
    branch = torch.stack(terms).sum(0)
    if is_random and bool((branch == 0).any()):
        kept = branch > 0
        if not bool(kept.any()):
            return NOT_MEASURED
        branch, skip = branch[kept], skip[kept]
    if not bool(torch.isfinite(skip).all()) or float(skip.min()) == 0.0:
        return Value.of(float((branch / skip).sqrt().mean()))
    return rms(branch / skip)


def _similarity(gram: torch.Tensor | None) -> Value:
    return Value.of(mean_cosine(gram)) if gram is not None else NOT_MEASURED


def _samples(profile: Profile, block: Block) -> Value:
    """The mean cosine between two samples; of single numbers, which are always parallel, none."""
    reading = _at(profile, block)
    if reading is None or _per_sample(profile.trace, (_reading_of(profile, block), 0)) < 2:
        return NOT_MEASURED
    return _similarity(reading.gram)


def _tokens(profile: Profile, block: Block) -> Value:
    """The mean cosine between two positions of one sample.

    A linear layer may have been read with samples and positions in one dimension, [samples *
    positions, channels]: then only pairs within a sample count.
    """
    reading = _at(profile, block)
    if reading is None or reading.tokens is None:
        return NOT_MEASURED
    gram, batch = reading.tokens, profile.trace.batch
    shape = profile.trace.ops[_reading_of(profile, block)].shapes[0]
    if shape[-1] < 2:
        return NOT_MEASURED
    if len(shape) != 2 or batch is None or shape[0] % batch:
        return _similarity(gram)
    step = max(1, shape[0] // MAX_TOKENS)
    sample = torch.arange(gram.shape[0]) * step // (shape[0] // batch)
    pairs = (sample[:, None] == sample[None, :]).fill_diagonal_(fill_value=False)
    return Value.of(float(gram[pairs].mean())) if bool(pairs.any()) else NOT_MEASURED


def _rank(moments: Moments | None) -> Value:
    if moments is None or moments.gram is None:
        return NOT_MEASURED
    return Value.of(effective_rank(moments.gram))


def _gradient_ratio(profile: Profile) -> Value:
    """log10(|g_in| / |g_out|), the mean over samples; of the batch where those do not match."""
    first, last = _stream_start(profile.trace, profile.graph), profile.graph.last
    if profile.gradient is None or first is None or last is None:
        return NOT_MEASURED
    at = profile.gradient.at
    if first not in at:  # a model may take its inputs out of autograd: start behind that
        first = next((b.output for b in profile.graph.blocks if b.output in at), first)
    g_in, g_out = at.get(first), at.get(last)
    if g_in is None or g_out is None:
        return NOT_MEASURED
    g_in = g_in * _per_sample(profile.trace, first)
    g_out = g_out * _per_sample(profile.trace, last)
    if g_in.shape != g_out.shape:
        g_in, g_out = g_in.mean().reshape(1), g_out.mean().reshape(1)
    arrives = g_out != 0  # a loss may leave a sample out
    if not bool(arrives.any()):
        return Value.of(math.nan)
    logs = 0.5 * torch.log10(g_in[arrives] / g_out[arrives])
    # One sample that a ReLU shuts out is no verdict on the net; most of them are.
    reached = logs[logs > -math.inf] if float(logs.median()) > -math.inf else logs
    n = reached.numel()
    spread = float(reached.std()) / math.sqrt(n) if n > 1 else None
    return Value.of(float(reached.mean()), stderr=spread)


def _stream_start(trace: Trace, graph: SkipGraph) -> ValueRef | None:
    """The entry of the first block of a stream that has skips, or of the first block.

    A stream are the blocks whose entries come from one another. An encoder is a stream of its
    own; the plain layers that make gates of a condition (which start at zero in a DiT) are none.
    """
    ends = _ends(trace, graph)
    start: list[int] = []
    for k, block in enumerate(graph.blocks):
        above = _nearest(trace, block.entry[0], ends, k)
        start.append(k if above is None else start[above])
    with_skips = {start[k] for k, block in enumerate(graph.blocks) if block.kind == "residual"}
    return min((graph.blocks[k].entry for k in with_skips), default=graph.first)


def _ends(trace: Trace, graph: SkipGraph) -> dict[int, int]:
    """The operations at the end of each block: its join, or its last layer and what is behind.

    A norm or an activation between two plain layers belongs to both of their blocks.
    """
    ends: dict[int, int] = {}
    for k, block in enumerate(graph.blocks):
        number = block.output[0]
        while number > block.entry[0]:
            ends.setdefault(number, k)
            op = trace.ops[number]
            if base_name(op.name) in ADD | MIXING or len(op.parents) != 1:
                break
            number = op.parents[0][0]
    return ends


def _nearest(trace: Trace, number: int, ends: Mapping[int, int], below: int) -> int | None:
    """The last block before block `below` that leads to an operation past no other block."""
    stack, seen, found = [number], {number}, []
    while stack:
        number = stack.pop()
        block = ends.get(number)
        if block is not None and block < below:
            found.append(block)
            continue
        for parent, _ in trace.ops[number].parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return max(found, default=None)


def _signal_ratio(blocks: tuple[BlockReport, ...]) -> Value:
    measured = [b.signal_rms for b in blocks if b.signal_rms.is_measured]
    if len(measured) < 2:
        return NOT_MEASURED
    first, last = float(measured[0]), float(measured[-1])
    if last == 0.0:
        return Value.of(-math.inf)
    if first == 0.0 or not math.isfinite(first):
        return Value.of(math.nan)
    return Value.of(math.log10(last / first) if last > 0 else math.nan)


def _first_non_finite(profile: Profile, branches: Mapping[str, _Branch]) -> tuple[str, str]:
    """Where the signal, or else the gradient, is not finite first, and which of them it is."""
    where = _signal_breaks(profile)
    if where or profile.gradient is None:
        return where, "signal" if where else ""
    where, is_inside = _gradient_breaks(profile, profile.gradient, branches)
    if where:
        return where, "gradient" if is_inside else "gradient behind the last block"
    squares = profile.gradient.parameters.items()
    bad = [n for n, square in squares if square is not None and not math.isfinite(square)]
    return (bad[0].rpartition(".")[0] or bad[0], f"gradient of {bad[0]}") if bad else ("", "")


def _signal_breaks(profile: Profile) -> str:
    """The first block, or the layer before it, whose result is not finite.

    Only what a block or the model passes on counts: masked attention scores are infinite on
    purpose.
    """
    found = [b for b in profile.graph.blocks if not _is_finite(_at(profile, b))]
    ends = [profile.signal.at(value, -1) for value in profile.trace.outputs]
    if not found and all(_is_finite(m) for m in ends):
        return ""
    start = found[0].operations[0] if found else len(profile.trace.ops)
    fine = [b.operations[1] for b in profile.graph.blocks if b.operations[1] <= start]
    before = _first_bad_layer(profile, max(fine, default=-1), start)
    if before is not None:
        return _place_of(profile, before)
    return found[0].name if found else "model"


def _gradient_breaks(
    profile: Profile, gradient: GradientProfile, branches: Mapping[str, _Branch]
) -> tuple[str, bool]:
    """The block that a finite gradient enters from above and leaves below as something else.

    Or what stands behind the last block, if the gradient is not finite when it arrives there, and
    False.
    """

    def is_bad(value: ValueRef) -> bool:
        square = gradient.at.get(value)
        return square is not None and not bool(torch.isfinite(square).all())

    blocks = profile.graph.blocks
    broken = [b for b in blocks if is_bad(b.entry) and not is_bad(b.output)]
    if broken:
        # Blocks around the culprit break as well, and so does one beside it with the same entry.
        names = {b.name: branches.get(b.name, _Branch()).names for b in broken}
        return min(
            broken, key=lambda b: (not _has_bad_weights(gradient, names[b.name]), _length(b))
        ).name, True
    above = [b for b in blocks if is_bad(b.output)]
    if not above:
        return "", True
    behind = min(max(b.output[0] for b in above) + 1, len(profile.trace.ops) - 1)
    return profile.trace.calls[profile.trace.ops[behind].call].path or "model", False


def _has_bad_weights(gradient: GradientProfile, names: Iterable[str]) -> bool:
    squares = [gradient.parameters.get(n) for n in names]
    return any(s is not None and not math.isfinite(s) for s in squares)


def _length(block: Block) -> int:
    return block.operations[1] - block.operations[0]


def _at(profile: Profile, block: Block) -> Moments | None:
    return profile.signal.at(block.output, block.entry[0])


def _reading_of(profile: Profile, block: Block) -> int:
    """The operation whose result was read for the block: the last one read that is inside it."""
    read = profile.signal.results
    return next(n for n in range(block.output[0], block.entry[0], -1) if n in read)


def _is_finite(moments: Moments | None) -> bool:
    return moments is None or bool(torch.isfinite(moments.square).all())


def _first_bad_layer(profile: Profile, after: int, until: int) -> int | None:
    for number in sorted(n for n in profile.signal.results if after < n <= until):
        is_sum = base_name(profile.trace.ops[number].name) in ADD
        if not is_sum and not _is_finite(profile.signal.results[number]):
            return number
    return None


def _place_of(profile: Profile, number: int) -> str:
    inside = [b for b in profile.graph.blocks if b.operations[0] < number <= b.operations[1]]
    if inside:
        return min(inside, key=lambda b: b.operations[1] - b.operations[0]).name
    call = profile.trace.calls[profile.trace.ops[number].call]
    return call.path or "model"


class _Branch(NamedTuple):
    """What a branch reads: its parameters, and whether chance decides if a sample takes it."""

    names: tuple[str, ...] = ()
    is_random: bool = False


def _branches(trace: Trace, graph: SkipGraph) -> dict[str, _Branch]:
    """For each residual block, by name, what is read on all ways from entry to join but the skip.

    Weights that are computed from parameters (weight normalisation) count by those. Followed on
    the trace, so that blocks around other blocks are covered too. Cost: linear in the operations
    inside the blocks; of long blocks around others, the first `_SWEEPS` times the net.
    """
    is_signal = [False] * len(trace.ops)
    for number, op in enumerate(trace.ops):
        is_signal[number] = number in trace.inputs or any(is_signal[p] for p, _ in op.parents)
    budget = _SWEEPS * len(trace.ops)
    found = {}
    for block in graph.blocks:
        budget -= _length(block) if block.is_composite else 0
        if block.kind == "residual" and budget > 0:
            found[block.name] = _branch(trace, block, is_signal)
    return found


def _branch(trace: Trace, block: Block, is_signal: list[bool]) -> _Branch:
    entry, join = block.operations
    inside = {entry}
    for number in range(entry + 1, join + 1):
        if any(parent in inside for parent, _ in trace.ops[number].parents):
            inside.add(number)
    params = set(trace.ops[join].params)
    is_random = False
    stack, seen = [number for number, _ in block.branches], {entry}
    while stack:
        number = stack.pop()
        if number in seen:
            continue
        seen.add(number)
        op = trace.ops[number]
        params.update(op.params)
        if op.params and is_signal[number] and number not in inside:
            continue  # the layer that makes a gate of another input; what is before is not ours
        one_each = math.prod(op.shapes[0]) <= (trace.batch or 1)
        is_random |= one_each and base_name(op.name) in _RANDOM
        stack.extend(parent for parent, _ in op.parents)
    return _Branch(tuple(trace.parameters[p] for p in sorted(params)), is_random)


_SWEEPS = 20
# Stochastic depth draws one number for each sample.
_RANDOM = ("bernoulli", "rand", "uniform", "rand_like")
_BIAS = re.compile(r"(^|_)(b|bias|beta|shift)_?\d*$")


def _dead_blocks(
    profile: Profile, branches: Mapping[str, _Branch], ratios: Mapping[str, Value]
) -> tuple[str, ...]:
    """Residual blocks whose branch nothing can wake: it does not learn, whatever the batch.

    Dead is a branch whose weights get no gradient at all while one arrives behind it; biases do
    not count, since they cannot make the branch depend on its input. A branch that starts at zero
    through one zero factor (ReZero, a zero last gain) is not dead: that factor gets a gradient.
    Frozen weights are no fault; a branch of frozen weights is dead only if it gives exactly zero.
    """
    if profile.gradient is None:
        return ()
    dead = []
    for block in profile.graph.blocks:
        gradient = profile.gradient.at.get(block.output)
        branch = branches.get(block.name)
        if branch is None or gradient is None or not float(gradient.mean()) > _FAINT:
            continue
        known = profile.gradient.parameters
        weights = [known[n] for n in branch.names if n in known and not _is_bias(n)]
        learns = any(s is not None and s != 0.0 for s in weights)
        learns = learns if weights else ratios[block.name].value != 0.0
        if not learns and not branch.is_random:
            dead.append(block.name)
    return tuple(dead)


# A squared gradient below this may give weight gradients that underflow to zero in float32.
_FAINT = 1e-40


def _is_bias(name: str) -> bool:
    return _BIAS.search(name.rpartition(".")[2]) is not None


def _gaps(profile: Profile) -> tuple[NotMeasured, ...]:
    if profile.gradient is None:
        return ()
    missing = [b.name for b in profile.graph.blocks if b.output not in profile.gradient.at]
    if not missing:
        return ()
    names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    why = (
        "autograd shows no gradient there: the value is detached or written in place through a view"
    )
    return (NotMeasured(what=f"gradient at {names}", why=why),)
