"""The profile of every block, put together from one forward and its backward."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, base_name
from plusone.graph.skipgraph import Block, SkipGraph
from plusone.probe.gradient import GradientProfile
from plusone.probe.moments import Moments, effective_rank, mean_cosine
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
    blocks = tuple(_block(profile, block) for block in profile.graph.blocks)
    where, what = _first_non_finite(profile)
    return Evidence(
        blocks=blocks,
        end_to_end=EndToEnd(
            log10_gradient_ratio=_gradient_ratio(profile),
            log10_signal_ratio=_signal_ratio(blocks),
        ),
        first_non_finite=where,
        non_finite_in=what,
        dead_blocks=_dead_blocks(profile),
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


def _block(profile: Profile, block: Block) -> BlockReport:
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
        residual_ratio=_residual_ratio(profile.signal, block),
        similarity=_similarity(moments.gram if moments else None),
        token_similarity=_similarity(moments.tokens if moments else None),
        rank=_rank(moments),
        shape=block.shape,
        input_shape=block.input_shape,
        layers=block.layers,
        level=block.level,
    )


def _per_sample(trace: Trace, value: ValueRef) -> int:
    shape = trace.ops[value[0]].shapes[max(value[1], 0)]
    has_batch = trace.batch is not None and bool(shape) and shape[0] == trace.batch
    return max(math.prod(shape[1:] if has_batch else shape), 1)


def _residual_ratio(signal: SignalObserver, block: Block) -> Value:
    if block.skip_value is None:
        return NOT_MEASURED
    skip = signal.squares.get(block.skip_value)
    terms = [signal.squares[b] for b in block.branches if b in signal.squares]
    if skip is None or not terms or any(t.shape != skip.shape for t in terms):
        return NOT_MEASURED
    branch = torch.stack(terms).sum(0)
    if not bool(torch.isfinite(skip).all()) or float(skip.min()) == 0.0:
        return Value.of(float((branch / skip).sqrt().mean()))
    return rms(branch / skip)


def _similarity(gram: torch.Tensor | None) -> Value:
    return Value.of(mean_cosine(gram)) if gram is not None else NOT_MEASURED


def _rank(moments: Moments | None) -> Value:
    if moments is None or moments.gram is None:
        return NOT_MEASURED
    return Value.of(effective_rank(moments.gram))


def _gradient_ratio(profile: Profile) -> Value:
    first, last = profile.graph.first, profile.graph.last
    if profile.gradient is None or first is None or last is None:
        return NOT_MEASURED
    g_in, g_out = profile.gradient.at.get(first), profile.gradient.at.get(last)
    if g_in is None or g_out is None or g_in.shape != g_out.shape:
        return NOT_MEASURED
    n_in, n_out = _per_sample(profile.trace, first), _per_sample(profile.trace, last)
    logs = 0.5 * torch.log10((g_in * n_in) / (g_out * n_out))
    n = logs.numel()
    spread = float(logs.std()) / math.sqrt(n) if n > 1 else None
    return Value.of(float(logs.mean()), stderr=spread)


def _signal_ratio(blocks: tuple[BlockReport, ...]) -> Value:
    measured = [b.signal_rms for b in blocks if b.signal_rms.is_measured]
    if len(measured) < 2:
        return NOT_MEASURED
    first, last = float(measured[0]), float(measured[-1])
    if first == 0.0 or not math.isfinite(first):
        return Value.of(math.nan)
    ratio = last / first
    return Value.of(math.log10(ratio) if ratio > 0 else -math.inf if ratio == 0 else math.nan)


def _first_non_finite(profile: Profile) -> tuple[str, str]:
    """The first block (or module) whose result is not finite.

    Only what a block or the model passes on counts: masked attention scores are infinite on
    purpose.
    """
    found = [b for b in profile.graph.blocks if not _is_finite(_at(profile, b))]
    ends = [profile.signal.at(value, -1) for value in profile.trace.outputs]
    if found or not all(_is_finite(m) for m in ends):
        start = found[0].operations[0] if found else 0
        before = _first_bad_layer(profile)
        if before is not None and (not found or before <= start):
            return _place_of(profile, before), "signal"
        return (found[0].name if found else "model"), "signal"
    if profile.gradient is None:
        return "", ""
    for block in reversed(profile.graph.blocks):
        gradient = profile.gradient.at.get(block.output)
        if gradient is not None and not bool(torch.isfinite(gradient).all()):
            return block.name, "gradient"
    return "", ""


def _at(profile: Profile, block: Block) -> Moments | None:
    return profile.signal.at(block.output, block.entry[0])


def _is_finite(moments: Moments | None) -> bool:
    return moments is None or bool(torch.isfinite(moments.square).all())


def _first_bad_layer(profile: Profile) -> int | None:
    for number in sorted(profile.signal.results):
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


def _dead_blocks(profile: Profile) -> tuple[str, ...]:
    """Residual blocks none of whose parameters but biases gets any gradient.

    A branch that starts at zero through one zero factor (ReZero, a zero last gain) is not dead:
    that factor gets a gradient.
    """
    if profile.gradient is None:
        return ()
    arriving = profile.gradient.at
    dead = []
    for block in profile.graph.blocks:
        gradient = arriving.get(block.output)
        if block.kind != "residual" or gradient is None or float(gradient.sum()) == 0.0:
            continue
        names = [profile.trace.parameters[p] for p in block.parameters]
        squares = [profile.gradient.parameters.get(n) for n in names if not n.endswith("bias")]
        if squares and all(s is None or s == 0.0 for s in squares):
            dead.append(block.name)
    return tuple(dead)


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
