"""What plusone measures before training, from one forward and a few backwards of any model.

Symbols: J_b is the Jacobian of the last block's output with respect to the first block's input at
sample b; g_kb = J_b^T u_k for random cotangents u_k that all samples share. Nothing here knows the
classes of the images or how the networks were built.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from plusone.capture.sandbox import Sandbox, sandbox
from plusone.probe.batchnorm import use_batch_where_fresh
from plusone.probe.endtoend import DensityConfig, SingularDensity, density_of
from plusone.probe.fronts import chain_from, fronts_of
from plusone.probe.linearise import Linearisation, linearise
from plusone.probe.moments import effective_rank
from plusone.probe.operator import JacobianOperator, Place
from plusone.probe.passes import Passes, run_passes
from plusone.probe.profile import reading_at
from plusone.records import Evidence, ScanConfig
from plusone.target.subject import Subject, subject_of

NUM_COTANGENTS = 4
NUM_SAMPLES = 16
# Logarithms beyond this are as good as infinite: float32 ends there.
DECADES = 40.0

Features = dict[str, float]


def measure(model: nn.Module, inputs: torch.Tensor, *, head: nn.Module) -> Features:
    """All features by name, and `seconds_...` of each stage. NaN: not measured.

    `head` is the last layer with weights: what it reads is the last representation.
    """
    clock = _Clock()
    with _reading(head) as read:
        found = _measured(model, inputs, clock)
    # The recorded forward on the whole batch came first.
    return found | representation_features(inputs, read[0])


def _measured(model: nn.Module, inputs: torch.Tensor, clock: _Clock) -> Features:
    subject = subject_of(model, inputs)
    config = ScanConfig(timed=False)
    with sandbox(model) as box:
        use_batch_where_fresh(model)
        torch.manual_seed(config.seed)
        passes = run_passes(subject, config, box, lambda stage, share: None)
        found = profile_features(passes.evidence) | geometry_features(passes)
        found["seconds_profile"] = clock.lap()
        line = _linear(subject, passes, box, NUM_SAMPLES)
        found |= cotangent_features(_end_to_end(line, passes), seed=config.seed)
        found["seconds_cotangents"] = clock.lap()
        from_output = cotangent_features(_from_output(line, passes), seed=config.seed)
        found |= {f"output_{name}": value for name, value in from_output.items()}
        found["seconds_output_cotangents"] = clock.lap()
        few = DensityConfig(max_steps=3)
        generator = torch.Generator().manual_seed(config.seed)
        with _end_to_end(line, passes) as operator:
            density = density_of(operator, generator=generator, config=few)
            if isinstance(density, SingularDensity):
                found["quick_median"] = _log10(density.median.value)
        found["seconds_quick_median"] = clock.lap()
        del line
        box.restore_contents()
        operator = _end_to_end(_linear(subject, passes, box, config.samples), passes)
        generator = torch.Generator().manual_seed(config.seed)
        density = density_of(operator, generator=generator, config=DensityConfig())
        if isinstance(density, SingularDensity):
            found |= density_features(density, operator)
        operator.close()
        found["seconds_density"] = clock.lap()
    return found


class _Clock:
    """CPU seconds since the last lap."""

    def __init__(self) -> None:
        self._start = time.process_time()

    def lap(self) -> float:
        now = time.process_time()
        seconds, self._start = now - self._start, now
        return seconds


def _linear(subject: Subject, passes: Passes, box: Sandbox, samples: int) -> Linearisation:
    graph = passes.graph
    assert graph.first is not None
    assert graph.last is not None
    return linearise(
        subject.model,
        subject.args,
        subject.kwargs,
        box=box,
        trace=passes.profile.trace,
        statistics=passes.profile.signal.statistics(passes.profile.trace),
        samples=samples,
        probe=(graph.first, graph.last),
        squares=passes.squares,
    )


def _end_to_end(line: Linearisation, passes: Passes) -> JacobianOperator:
    graph = passes.graph
    assert graph.first is not None
    assert graph.last is not None
    source, target = line.place(graph.first), line.place(graph.last)
    assert source is not None
    assert target is not None
    chain = chain_from(graph.first, fronts_of(passes.profile.trace))
    places = [(line.place(front.next), front) for front in chain if front.next <= graph.last]
    fronts = [(place, front) for place, front in places if place is not None]
    return JacobianOperator(source, target=target, batch=line.batch, fronts=fronts)


def _from_output(line: Linearisation, passes: Passes) -> JacobianOperator:
    """The same from the model's own output, head included."""
    assert passes.graph.first is not None
    source = line.place(passes.graph.first)
    assert source is not None
    (output,) = line.recording.outputs
    return JacobianOperator(source, target=Place.of(output), batch=line.batch)


def profile_features(evidence: Evidence) -> Features:
    """The profile of signal and gradient over the blocks.

    `gradient_ratio`: log10 |g_in| / |g_out|. `signal_ratio`: log10 rms_out / rms_in.
    `gradient_range`: log10 of the largest over the smallest gradient norm at a block;
    `gradient_spread`: the standard deviation of its log10 over blocks; `signal_range` likewise of
    the signal's rms. `alike_last`: log10(1 - c), c the mean cosine between the samples at the last
    block; `alike_least`: its least over blocks. `tokens_last`: the same between the tokens of a
    sample. `rank_last`: effective rank of the samples there. `is_finite`: 0 where the signal
    overflowed.
    """
    blocks = evidence.blocks
    whole = evidence.end_to_end
    gradients = [_log10(float(b.gradient_norm)) for b in blocks if b.gradient_norm.is_measured]
    signals = [_log10(float(b.signal_rms)) for b in blocks if b.signal_rms.is_measured]
    alike = [_log10(1.0 - float(b.similarity)) for b in blocks if b.similarity.is_measured]
    tokens = [b.token_similarity for b in blocks if b.token_similarity.is_measured]
    ranks = [float(b.rank) for b in blocks if b.rank.is_measured]
    branch = [_log10(float(b.residual_ratio)) for b in blocks if b.residual_ratio.is_measured]
    return {
        "num_blocks": float(len(blocks)),
        "gradient_ratio": _clip(float(whole.log10_gradient_ratio)),
        "signal_ratio": _clip(float(whole.log10_signal_ratio)),
        "gradient_range": _range(gradients),
        "gradient_spread": _spread(gradients),
        "signal_range": _range(signals),
        "signal_last": signals[-1] if signals else math.nan,
        "gradient_last": gradients[-1] if gradients else math.nan,
        "alike_first": alike[0] if alike else math.nan,
        "alike_last": alike[-1] if alike else math.nan,
        "alike_least": min(alike, default=math.nan),
        "tokens_last": _log10(1.0 - float(tokens[-1])) if tokens else math.nan,
        "rank_first": ranks[0] if ranks else math.nan,
        "rank_last": ranks[-1] if ranks else math.nan,
        "branch_ratio": sum(branch) / len(branch) if branch else math.nan,
        "num_dead": float(len(evidence.dead_blocks)),
        "is_finite": float(not evidence.first_non_finite),
    }


@contextmanager
def _reading(head: nn.Module) -> Iterator[list[torch.Tensor]]:
    """What the layer reads, call by call, while open."""
    read: list[torch.Tensor] = []
    handle = head.register_forward_pre_hook(lambda module, args: read.append(args[0].detach()))
    try:
        yield read
    finally:
        handle.remove()


def representation_features(inputs: torch.Tensor, last: torch.Tensor) -> Features:
    """What the last representation keeps of the inputs' geometry, over the whole batch.

    `input_alignment`: centred kernel alignment between the scalar products of the inputs and the
    cosines of the last representations. `last_rank`: effective rank of the latter around their
    mean.
    """
    x, z = inputs.double().flatten(1), last.double().flatten(1)
    if not bool(torch.isfinite(z).all()):
        return {"input_alignment": math.nan, "last_rank": math.nan}
    z = z / z.norm(dim=1, keepdim=True).clamp_min(1e-300)
    kernel = z @ z.T
    return {
        "input_alignment": alignment(x @ x.T, kernel),
        "last_rank": _rank(centred(kernel)),
    }


def geometry_features(passes: Passes) -> Features:
    """What is left at the last block of the first one's geometry: from the matrices of cosines.

    `alignment`: centred kernel alignment between the samples at the first block and at the last
    (Cortes, Mohri and Rostamizadeh 2012): 1 if distances are kept up to scale. `centred_rank`:
    effective rank of the samples around their mean at the last block.
    """
    blocks = passes.graph.blocks
    readings = [reading_at(passes.profile, b) for b in blocks]
    grams = [r.gram for r in readings if r is not None and r.gram is not None]
    if not grams:
        return {"alignment": math.nan, "centred_rank": math.nan}
    first = passes.profile.signal.at(passes.graph.first, -1) if passes.graph.first else None
    start = grams[0] if first is None or first.gram is None else first.gram
    return {
        "alignment": alignment(start, grams[-1]),
        "centred_rank": _rank(centred(grams[-1])),
        "centred_rank_first": _rank(centred(start)),
    }


def _rank(gram: torch.Tensor) -> float:
    found = effective_rank(gram)
    return math.nan if found is None else found


def centred(gram: torch.Tensor) -> torch.Tensor:
    """H K H with H = I - 1/n: the scalar products of the rows minus their mean."""
    return gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()


def alignment(one: torch.Tensor, other: torch.Tensor) -> float:
    """<HKH, HLH> / |HKH| |HLH|; NaN where one is not finite."""
    a, b = centred(one), centred(other)
    return float((a * b).sum() / (a.norm() * b.norm()))


def cotangent_features(operator: JacobianOperator, *, seed: int) -> Features:
    """Four backwards from the last block to the first, with the same cotangents for all samples.

    `jacobian_gain`: log10 of |J|_F^2 / outputs, by E|J^T u|^2. `collapse`: the mean cos^2 between
    J_b^T u_k and J_b^T u_k' of one sample; in expectation near 1 / PR with the participation ratio
    PR = (tr J J^T)^2 / tr (J J^T)^2, the number of directions that the Jacobian keeps apart, so 1
    means that whatever the loss asks for, the first block hears the same. `directions`: log10 of
    1 / collapse. `agreement`: the mean cosine between J_a^T u and J_b^T u of two samples: 1 for a
    linear map, 0 where gradients are shattered (Balduzzi et al. 2017). `gain_spread`: standard
    deviation of log10 |J_b^T u_k| over samples and cotangents.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (NUM_COTANGENTS, 1, operator.num_outputs)
    u_K1M = torch.randn(shape, generator=generator, dtype=torch.float64)
    u_K1M = u_K1M / u_K1M.norm(dim=2, keepdim=True) * math.sqrt(operator.num_outputs)
    g_KBN = torch.stack(
        [operator.rmatvec(u.expand(operator.num_samples, -1).float()).double() for u in u_K1M]
    )
    return summary_of(g_KBN, num_outputs=operator.num_outputs)


def summary_of(g_KBN: torch.Tensor, *, num_outputs: int) -> Features:
    """The features of `cotangent_features` from the gradients, for K cotangents and B samples."""
    if not bool(torch.isfinite(g_KBN).all()):
        names = ("jacobian_gain", "collapse", "directions", "agreement", "gain_spread")
        return dict.fromkeys(names, math.nan)
    size_KB = g_KBN.norm(dim=2)
    unit_KBN = g_KBN / size_KB.clamp_min(1e-300)[..., None]
    cos_BKK = torch.einsum("kbn,jbn->bkj", unit_KBN, unit_KBN)
    cos_KBB = torch.einsum("kbn,kcn->kbc", unit_KBN, unit_KBN)
    collapse = _off_diagonal(cos_BKK.square()) if bool((size_KB > 0).any()) else 1.0
    logs = size_KB.clamp_min(10**-DECADES).log10()
    return {
        "jacobian_gain": _log10(float(size_KB.square().mean()) / num_outputs),
        "collapse": collapse,
        "directions": -_log10(collapse),
        "agreement": _off_diagonal(cos_KBB),
        "gain_spread": float(logs.std()),
    }


def _off_diagonal(matrices: torch.Tensor) -> float:
    n = matrices.shape[-1]
    if n < 2:
        return math.nan
    diagonal = torch.diagonal(matrices, dim1=-2, dim2=-1)
    return float((matrices.sum((-2, -1)) - diagonal.sum(-1)).mean() / (n * (n - 1)))


def density_features(density: SingularDensity, operator: JacobianOperator) -> Features:
    """The singular values s of J (two samples), as `scan` estimates them.

    `participation`: log10 of (sum s^2)^2 / sum s^4; `stable_rank`: log10 of sum s^2 / max s^2;
    `entropy_rank`: log10 of exp of the entropy of s / sum s; `condition`: log10 of max over
    median; each over the smaller side's width, which `jacobian_width` gives.
    """
    width = min(operator.num_inputs, operator.num_outputs)
    nodes = torch.tensor(density.nodes, dtype=torch.float64).clamp_min(0.0)
    weights = torch.tensor(density.weights, dtype=torch.float64)
    if not len(nodes) or float(nodes.max()) == 0.0:
        return {"singular_max": -DECADES}
    scaled = nodes / nodes.max()
    square, fourth = (float((weights * scaled**p).sum()) for p in (2, 4))
    p = scaled / float((weights * scaled).sum()) / width
    entropy = -float((weights * width * p * p.clamp_min(1e-300).log()).sum())
    return {
        "jacobian_width": float(width),
        "singular_max": _log10(density.max.value),
        "singular_median": _log10(density.median.value),
        "singular_min": _log10(density.min.value),
        "condition": _log10(density.max.value) - _log10(density.median.value),
        "participation": _log10(width * square**2 / fourth),
        "stable_rank": _log10(width * square),
        "entropy_rank": entropy / math.log(10.0),
    }


def _log10(number: float) -> float:
    if math.isnan(number):
        return math.nan
    return _clip(math.log10(number)) if number > 0 else -DECADES


def _clip(number: float) -> float:
    return max(-DECADES, min(DECADES, number)) if not math.isnan(number) else math.nan


def _range(numbers: Sequence[float]) -> float:
    finite = [n for n in numbers if not math.isnan(n)]
    return max(finite) - min(finite) if finite else math.nan


def _spread(numbers: Sequence[float]) -> float:
    finite = [n for n in numbers if not math.isnan(n)]
    if not finite:
        return math.nan
    mean = sum(finite) / len(finite)
    return math.sqrt(sum((n - mean) ** 2 for n in finite) / len(finite))


@dataclass(frozen=True, slots=True, kw_only=True)
class Separability:
    """How well the classes lie apart in a representation, by neighbours and by a linear map."""

    neighbours: float
    linear: float


def separability(features: torch.Tensor, targets: torch.Tensor) -> Separability:
    """Leave-one-out 1-nearest-neighbour accuracy, and that of ridge regression on a quarter.

    Features are centred and scaled to one mean square first; ridge 1e-3 of the mean eigenvalue.
    """
    x = features.double().flatten(1)
    if not bool(torch.isfinite(x).all()):
        return Separability(neighbours=0.1, linear=0.1)
    x = x - x.mean(0)
    scale = x.square().mean().sqrt()
    if float(scale) == 0.0:
        return Separability(neighbours=0.1, linear=0.1)
    x = x / scale
    distance = torch.cdist(x, x).fill_diagonal_(math.inf)
    neighbours = float((targets[distance.argmin(1)] == targets).double().mean())
    cut = len(x) * 3 // 4
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    x = torch.cat([x, ones], 1)
    wanted = torch.nn.functional.one_hot(targets, 10).double()
    train = x[:cut]
    ridge = 1e-3 * float(train.square().sum()) / train.shape[1]
    square = train.T @ train + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, train.T @ wanted[:cut])
    hits = (x[cut:] @ weights).argmax(1) == targets[cut:]
    return Separability(neighbours=neighbours, linear=float(hits.double().mean()))
