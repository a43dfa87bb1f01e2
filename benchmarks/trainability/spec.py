"""An architecture as a frozen record, the random ones, and the families kept for the test."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass

from benchmarks.trainability import patterns

KINDS = ("mlp", "conv", "transformer", "graph")
PATTERNS = ("plain", "residual", "random", "periodic", "long_range", "dense")
NORMS = ("none", "batch", "layer")
ACTIVATIONS = ("relu", "tanh", "gelu", "linear")
PLACES = ("pre", "branch", "post")
INITS = ("normal", "orthogonal", "default")

MAX_DEPTH = {"mlp": 300, "conv": 48, "transformer": 48, "graph": 64}
WIDTHS = {"mlp": (32, 48), "conv": (6, 12), "transformer": (16, 24), "graph": (10, 16)}
# 1 / E phi(z)^2 for z normal: the variance of the weights, times fan-in, that keeps the second
# moment of the signal.
CRITICAL = {"relu": 2.0, "tanh": 1.0, "gelu": 2.351, "linear": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch:
    """One network, exactly: built from it twice, it has the same weights.

    Layer l computes `scale` F(x) plus the states in `sources[l - 1]`, and F(x) alone where there
    are none; in the pattern "dense" it reads the last `window` states together. `place` says where
    the norm and the activation phi stand: "pre" W phi(N(x)), "branch" phi(N(W x)), "post"
    N(skip + phi(W x)). `gain` multiplies the variance of the weights that keeps the second
    moment (no meaning for the "default" initialiser, which is PyTorch's). A transformer's layers
    are attention and feed-forward branches in turn.
    """

    seed: int
    kind: str
    pattern: str
    norm: str
    activation: str
    depth: int
    width: int
    place: str = "branch"
    init: str = "normal"
    gain: float = 1.0
    scale: float = 1.0
    density: float = 1.0
    period: int = 2
    num_skips: int = 0
    window: int = 1

    @property
    def sources(self) -> patterns.Sources:
        """The states that each layer adds."""
        rng = random.Random(f"skips {self.seed}")
        if self.pattern == "residual":
            return patterns.residual(self.depth)
        if self.pattern == "random":
            return patterns.random_density(self.depth, density=self.density, rng=rng)
        if self.pattern == "periodic":
            return patterns.periodic(self.depth, period=self.period)
        if self.pattern == "long_range":
            return patterns.long_range(self.depth, num_skips=self.num_skips, rng=rng)
        return patterns.plain(self.depth)

    @property
    def family(self) -> str:
        """Kind, pattern, norm and activation: what is held out, is held out as a family."""
        return "/".join((self.kind, self.pattern, self.norm, self.activation))

    def as_row(self) -> dict[str, object]:
        """The fields, in order."""
        return asdict(self)


def is_held_out(family: str) -> bool:
    """Whether a family is never used for fitting. Written before anything was trained.

    Two rules. All nets with long-range skips: a pattern that no fit ever sees. And of the others,
    each family in which the positions of kind, pattern, norm and activation in the lists above
    add up to a multiple of 4: a quarter, in which each kind, norm and activation occurs, though
    never in a combination that the fit saw.
    """
    kind, pattern, norm, activation = family.split("/")
    if pattern == "long_range":
        return True
    places = (
        KINDS.index(kind),
        PATTERNS.index(pattern),
        NORMS.index(norm),
        ACTIVATIONS.index(activation),
    )
    return sum(places) % 4 == 0


def random_arch(seed: int) -> Arch:
    """Architecture number `seed`.

    Depths run from 4 to the kind's largest, with more weight at the deep end of the logarithm.
    Gains are drawn by their effect over the whole depth, so that deep nets too come close to the
    edge between training and not.
    """
    rng = random.Random(f"arch {seed}")
    kind = rng.choices(KINDS, (5, 2, 2, 2))[0]
    pattern = rng.choices(PATTERNS, (6, 3, 4, 4, 4, 3))[0]
    norm = rng.choices(NORMS, (5, 2, 3))[0]
    activation = rng.choices(ACTIVATIONS, (4, 3, 2, 1))[0]
    if norm == "batch" and kind in ("transformer", "graph"):
        norm = "layer"
    # The layers of dense nets are `window` times as large, so these are half as deep.
    deepest = MAX_DEPTH[kind] / (2 if pattern == "dense" else 1)
    depth = round(4 * (deepest / 4) ** (rng.random() ** 0.75))
    place = rng.choice(PLACES)
    if kind == "transformer" and place == "branch":
        place = "pre"
    window = rng.choice((2, 3, 4)) if kind == "mlp" else 2
    return Arch(
        seed=seed,
        kind=kind,
        pattern=pattern,
        norm=norm,
        activation=activation,
        depth=depth,
        width=rng.choice(WIDTHS[kind]),
        place=place,
        init=rng.choices(INITS, (5, 3, 1))[0],
        gain=_gain(depth, rng),
        scale=_scale(depth, rng),
        density=rng.choice((0.1, 0.2, 0.3, 0.5, 0.7, 0.9)),
        period=min(rng.choice((2, 3, 5, 8, 12, 20)), depth),
        num_skips=rng.randint(1, 6),
        window=min(window, depth),
    )


def _gain(depth: int, rng: random.Random) -> float:
    """Critical for a third of the nets; else off by some factor over the whole depth."""
    if rng.random() < 1 / 3:
        return 1.0
    gain = math.exp(rng.gauss(0.0, 16.0) / depth)
    return round(min(max(gain, 0.4), 2.5), 4)


def _scale(depth: int, rng: random.Random) -> float:
    choice = rng.choice(("one", "one", "root", "two roots", "half", "fifth", "inverse"))
    values = {
        "one": 1.0,
        "root": depth**-0.5,
        "two roots": 2 * depth**-0.5,
        "half": 0.5,
        "fifth": 0.2,
        "inverse": 1.0 / depth,
    }
    return round(values[choice], 5)
