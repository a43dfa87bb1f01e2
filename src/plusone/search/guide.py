"""Theory as the guide: what the closed form says of a pattern, before anything is trained.

Each layer's factors are measured on the model without the skips that are searched for: the
gradient's by one product with the transposed Jacobian of the layer, so that a vanishing net does
not hide them, the signal's by its second moment. Every pattern then follows by `pattern_law`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.search.space import Pattern, Space
from plusone.theory import WINDOW, PatternLaw, SkipChain, pattern_law
from plusone.theory.activations import FAN_FACTOR, Activation, log_moment, slope
from plusone.theory.skip_chain import Order, Start

# The depth, in layers, that the gradient's paths take where nets trained best; what a pattern of
# less loses of what one of more by the same factor loses; and what a decade of the gradient costs.
# From 256 patterns of nets of 12, 24 and 48 layers on two sets of pictures, which hardly tell near
# values apart (benchmarks/search_promise.py).
BEST_DEPTH, SHORTER, DECADE = 0.4, 0.3, 0.2
_SHORTEST = 0.01
# What a decade of the gradient beyond the window of trainable nets costs.
_BEYOND = 5.0
_ALIKE: dict[str, Activation] = {
    "relu": "relu",
    "leaky_relu": "relu",
    "tanh": "tanh",
    "sigmoid": "tanh",
    "hardtanh": "tanh",
    "gelu": "gelu",
    "silu": "gelu",
    "elu": "gelu",
}


def chain_of(space: Space, *, seed: int = 0) -> SkipChain:
    """The chain that stands for the model in the closed form.

    Cost: one forward and one backward in all, in the model's own mode. The activation is the one
    that most layers have (sigmoid counts as tanh, SiLU and ELU as GELU). Layers whose factor cannot
    be measured are taken as of strength 1.

    Raises:
        InputError: a place is not reached from the one before it, or something is not finite.
    """
    activation, order, has_norm = _style(space)
    subject = space.subject
    entered: dict[str, Tensor] = {}

    def keep(path: str) -> Callable[[nn.Module, tuple[object, ...]], None]:
        def hook(module: nn.Module, args: tuple[object, ...]) -> None:
            if args and isinstance(args[0], Tensor):
                entered[path] = args[0]

        return hook

    with sandbox(subject.model), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        for place in space.places:
            place.module.register_forward_pre_hook(keep(place.path))
        subject.model(*subject.args, **subject.kwargs)
        streams = [entered[p.path] for p in space.places]
        moments = np.array([float(s.detach().double().pow(2).mean()) for s in streams])
        factors = [_factor(a, b) for a, b in pairwise(streams)]
        start = _start(streams[0].detach().double())
    if not np.isfinite(moments).all():
        at = space.places[int(np.flatnonzero(~np.isfinite(moments))[0])].path
        raise InputError(f"what enters {at} is not finite; scan the model first")
    strength, moment = _strengths(np.array(factors), moments, activation, order, has_norm)
    return SkipChain(
        strength=strength,
        moment=moment,
        activation=activation,
        order=order,
        has_norm=has_norm,
        width=_width(space),
        start=start,
    )


def _start(stream: Tensor) -> Start:
    """What enters the first layer, of all pairs of samples; uncorrelated where there is but one."""
    rows = stream.flatten(1) if stream.ndim > 1 else stream[None]
    square = float(rows.pow(2).mean())
    if square <= 0:
        return Start()
    spread = float((rows - rows.mean(0)).pow(2).sum() / (max(len(rows) - 1, 1) * rows.shape[1]))
    gap = spread / square if len(rows) > 1 and spread > 0 else 1.0
    return Start(moment=square, gap=gap, mean=float(rows.mean()) / math.sqrt(square))


def _factor(source: Tensor, goal: Tensor) -> float:
    """|J^T u|^2 / |u|^2 of one random u; NaN where nothing leads from one to the other."""
    if not (source.requires_grad and goal.requires_grad):
        return float("nan")
    cotangent = torch.randn_like(goal)
    (found,) = torch.autograd.grad(goal, source, cotangent, retain_graph=True, allow_unused=True)
    if found is None:
        return float("nan")
    return float(found.double().pow(2).sum() / cotangent.double().pow(2).sum())


def _strengths(
    factors: NDArray[np.float64],
    moments: NDArray[np.float64],
    activation: Activation,
    order: Order,
    has_norm: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each layer's strength as its gradient has it, and as its signal has it.

    The gradient's factor a c E phi'^2 is solved for a at the second moment that the weights really
    saw: 1 in a layer with a norm, whose factor falls as the stream grows.
    """
    factors = np.where(np.isfinite(factors), factors, 1.0)
    before = np.where(moments[:-1] > 0, moments[:-1], 1.0)
    seen = np.where(has_norm, 1.0, before)
    strength = _solved(np.where(has_norm, factors * before, factors), seen, activation, order)
    if order == "last" and activation not in ("linear", "relu"):
        return strength, strength  # what is handed on is not proportional to what comes in
    a = strength * FAN_FACTOR[activation]
    if order == "last":
        handed = np.exp(log_moment(activation, np.log(a * seen)))
    else:
        handed = a * np.exp(log_moment(activation, np.log(seen)))
    return strength, strength * np.where(moments[1:] > 0, moments[1:] / handed, 1.0)


def _solved(
    factors: NDArray[np.float64],
    seen: NDArray[np.float64],
    activation: Activation,
    order: Order,
) -> NDArray[np.float64]:
    """The strength a with a c E phi'(u)^2 = factor, u of the second moment that the layer sees."""
    fan = FAN_FACTOR[activation]
    strength = factors / fan / slope(activation, np.log(seen))
    if order == "last":
        # u is the weights' output, whose second moment a scales too; the left side grows with a,
        # for tanh slowly, so that a damped fixed point is taken.
        for _ in range(100):
            rate = slope(activation, np.log(np.maximum(strength * fan * seen, 1e-300)))
            strength = np.sqrt(strength * factors / fan / rate)
    return strength


def _style(space: Space) -> tuple[Activation, Order, NDArray[np.bool_]]:
    """The activation of most layers and where it stands, and which layers have a norm."""
    subject = space.subject
    with sandbox(subject.model) as box:
        trace = record(subject.model, subject.args, subject.kwargs, box=box).trace
    names: Counter[str] = Counter()
    orders: Counter[Order] = Counter()
    norms: list[bool] = []
    for a, b in pairwise(space.places):
        inside = [trace.ops[k].name for k in range(a.first, min(b.first, len(trace.ops)))]
        bends = [(k, _activation(name)) for k, name in enumerate(inside) if _activation(name)]
        normed = [k for k, name in enumerate(inside) if "norm" in name and "linalg" not in name]
        norms.append(bool(normed))
        if bends:
            names[bends[0][1]] += 1
            weighted = next((w - a.first for w in a.weighted), 0)
            # A norm behind the activation takes the branch's mean away, as weights there would.
            has_mean = bends[0][0] > weighted and (not normed or normed[-1] < bends[-1][0])
            orders["last" if has_mean else "first"] += 1
    num_layers = space.num_layers
    activation: Activation = "linear"
    if 2 * sum(names.values()) >= num_layers:
        activation = _ALIKE[names.most_common(1)[0][0]]
    order = orders.most_common(1)[0][0] if orders else "last"
    return activation, order, np.array(norms)


def _activation(name: str) -> str:
    words = name.replace(".", " ").replace("aten::", "").split()
    return next((key for key in _ALIKE if any(w.rstrip("_") == key for w in words)), "")


def _width(space: Space) -> int:
    """The numbers of a sample at the middle place: what fluctuations are averaged over."""
    shape = space.places[len(space.places) // 2].shape
    return max(int(np.prod(shape[1:])) if len(shape) > 1 else 1, 1)


def laws(space: Space, chain: SkipChain, patterns: Sequence[Pattern]) -> PatternLaw:
    """The closed forms of these patterns, in their order."""
    spans = np.array([p.spans for p in patterns], dtype=np.intp)
    scale = np.array([_alpha(p) for p in patterns])[:, None]
    return pattern_law(chain, spans, scale=scale)


def _alpha(pattern: Pattern) -> float:
    if pattern.scale == "zero":
        return 1e-6
    return max(pattern.num_skips, 1) ** -0.5 if pattern.scale == "rsqrt" else 1.0


def promise(law: PatternLaw) -> NDArray[np.float64]:
    """How good a pattern promises to be, in closed form; only its order means anything.

    Less by the logarithm of how much longer the gradient's paths are than those of the nets that
    trained best (a third of it where they are shorter: such a net leaves out nearly all layers),
    and by the decades that the typical gradient gains or loses, above all beyond the window of
    trainable nets. How far two inputs stay apart is not in it: beside the depth it told nothing.
    """
    decades = np.abs(law.log10_typical_norm)
    longer = np.log(np.maximum(law.effective_depth, _SHORTEST) / BEST_DEPTH)
    found = -np.maximum(longer, -SHORTER * longer) - DECADE * decades
    found = found - _BEYOND * np.maximum(decades - WINDOW, 0.0)
    return np.where(np.isfinite(found), found, -np.inf)


def screened(
    space: Space, chain: SkipChain, *, seed: int = 0, size: int = 512
) -> tuple[list[Pattern], NDArray[np.float64]]:
    """`size` random patterns without repeats, the most promising first, and their promise.

    The best of them are theory's proposals, not the patterns of highest promise of all: they
    differ from one another, and such as they are have been trained.
    """
    rng = np.random.default_rng(seed)
    pool = list(dict.fromkeys(random_pattern(space, rng) for _ in range(size)))
    heights = promise(laws(space, chain, pool))
    order = np.argsort(-heights, kind="stable")
    return [pool[k] for k in order], heights[order]


def random_pattern(space: Space, rng: np.random.Generator) -> Pattern:
    """Skips of a density that is drawn from [0, 1], of spans drawn from those allowed."""
    density = rng.random()
    spans = [
        int(rng.choice(r[1:])) if len(r) > 1 and rng.random() < density else 0 for r in space.reach
    ]
    scale = space.config.scales[int(rng.integers(len(space.config.scales)))]
    return space.trimmed(Pattern(spans=tuple(spans), scale=scale))
