"""Lab: what a skip does to the loss of w1 w2 x at the origin, and to the time to leave it.

Loss E (a x - f x)^2 / 2 with E x^2 = 1, so (a - f)^2 / 2, for the slopes f = w1 w2 (plain),
1 + w1 w2 (one skip around both) and (1 + w1)(1 + w2) (one around each), and their products over L
layers. Hardt and Ma (arXiv 1611.04231), Bartlett et al. (1802.06093), Shamir (1809.08587).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from plusone.labs.base import Arm, Claim, Conclusion, Figure, Lab, Plan, Prediction, Runs, Table
from plusone.labs.base.claim import NOT_NEGATIVE
from plusone.labs.base.effects import effect
from plusone.labs.base.extra import need
from plusone.labs.show.figures import BLUE, GREEN, ORANGE, PURPLE, QUIET, Axes, draw, ticks

FORMS = {"plain": "w1 w2", "block skip": "1 + w1 w2", "layer skip": "(1 + w1)(1 + w2)"}
COLORS = {"plain": ORANGE, "block skip": PURPLE, "layer skip": BLUE}
TARGETS = (1.0, 0.5, 1.5, 2.0, -1.0)
RATE, RADIUS, TOLERANCE, MOST_STEPS = 0.1, 0.1, 1e-6, 20_000
DEPTHS = (2, 3, 4, 6, 8, 16, 32, 64)
RADII = (0.3, 0.2, 0.1, 0.05, 0.03)
DEPTH_TARGET, DEPTH_RATE, DEPTH_STEPS = 2.0, 0.05, 300_000

CLAIM = Claim(
    name="toy-landscape",
    title="The saddle of w1 w2 x",
    statement=(
        "Two layers without a skip have a saddle at the origin; a skip around them turns it into a "
        "minimum, and gradient descent gets there sooner."
    ),
    equation="f = w1 w2 x  against  f = (1 + w1 w2) x  and  f = (1 + w1)(1 + w2) x",
    control="the same descent from the same starts without a skip; closed forms against autograd",
    source="Hardt and Ma 2017, arXiv 1611.04231; Shamir 2019, arXiv 1809.08587",
    predictions=(
        Prediction(
            key="plain-curvature",
            text="smallest Hessian eigenvalue at the origin without a skip, target 1",
            high=-1e-9,
        ),
        Prediction(
            key="skip-curvature",
            text="smallest Hessian eigenvalue at the origin with a skip around both, target 1",
            low=1e-9,
        ),
        Prediction(
            key="skip-speed",
            text="steps to the minimum without a skip over those with one around both, target 1",
            low=1.0,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="autograd",
            text="largest difference of a Hessian's closed form from autograd's",
            high=1e-12,
            role="control",
        ),
        Prediction(
            key="other-targets",
            text="share of the other targets at which the skip around both leaves a saddle",
            low=1.0,
            high=1.0,
            role="limit",
            within=(0, 1),
        ),
        Prediction(
            key="layer-speed",
            text="steps without a skip over those with one around each layer, target 1",
            low=2.0,
            role="limit",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="log-law",
            text="steps to the minimum at depth 2 for each e-fold of the radius, over the law's",
            low=0.9,
            high=1.1,
            role="limit",
        ),
        Prediction(
            key="power-law",
            text="exponent of the radius in the steps at depth 4 without skips (law: -2)",
            low=-2.2,
            high=-1.8,
            role="limit",
        ),
        Prediction(
            key="deep-skip",
            text="steps at depth 64 with a skip around each layer",
            low=10,
            high=100,
            role="limit",
        ),
        Prediction(
            key="counter-case",
            text="loss after 20,000 steps at target -1 from an equal start, a skip around each",
            low=0.499,
            high=0.501,
            role="limit",
        ),
    ),
)


def plan(is_full: bool) -> Plan:
    seeds = tuple(range(10 if is_full else 3))
    forms = tuple(Arm(name=form) for form in FORMS)
    return Plan(arms=(*forms, Arm(name="depth", seeds=(0,))), seeds=seeds)


def slope(form: str, w: Tensor) -> Tensor:
    """f of the weights w [..., 2]."""
    product = w[..., 0] * w[..., 1]
    if form == "plain":
        return product
    return 1 + product if form == "block skip" else (1 + w[..., 0]) * (1 + w[..., 1])


def hessian_at_origin(form: str, target: float) -> Tensor:
    """The closed form [2, 2] of the Hessian of (a - f)^2 / 2 at w = 0: f' f'^T + (f - a) f''."""
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    if form == "layer skip":
        return torch.ones(2, 2, dtype=torch.float64) + (1 - target) * swap
    return ((0.0 if form == "plain" else 1.0) - target) * swap


def descend(form: str, target: float, start: Tensor) -> Tensor:
    """The steps of gradient descent until the loss is below the tolerance, [...]."""
    w, steps = start.clone(), torch.full(start.shape[:-1], float(MOST_STEPS))
    for step in range(MOST_STEPS):
        miss = target - slope(form, w)
        steps = torch.where((miss**2 / 2 < TOLERANCE) & (steps == MOST_STEPS), float(step), steps)
        if bool((steps < MOST_STEPS).all()):
            break
        other = w.flip(-1)
        w = w + RATE * miss[..., None] * (1 + other if form == "layer skip" else other)
    return steps


def depth_steps(depth: int, radius: float, *, has_skips: bool) -> float:
    """Steps of descent on the product of `depth` equal weights from `radius`; infinite if too many.

    With skips the factors are 1 + w, and w starts at 0. The rate is 0.05 / depth for each weight.
    """
    w = 0.0 if has_skips else radius
    rate = DEPTH_RATE / depth
    for step in range(DEPTH_STEPS):
        factor = 1 + w if has_skips else w
        miss = DEPTH_TARGET - factor**depth
        if miss**2 / 2 < TOLERANCE:
            return float(step)
        w += rate * miss * factor ** (depth - 1)
    return math.inf


def escape_law(depth: int, radius: float) -> float:
    """Steps in which the weights leave the saddle: dw/dt = a w^(L-1) solved from the radius.

    ln(a^(1/L) / r) / (rate a) at depth 2, (r^-(L-2) - a^-((L-2)/L)) / ((L-2) rate a) deeper, rate
    that of each weight.
    """
    rate = DEPTH_RATE / depth * DEPTH_TARGET
    end = DEPTH_TARGET ** (1 / depth)
    if depth == 2:
        return math.log(end / radius) / rate
    return float(radius ** -(depth - 2) - end ** -(depth - 2)) / ((depth - 2) * rate)


def settling_law(depth: int, radius: float) -> float:
    """Steps by which the whole descent, dw/dt = (a - w^L) w^(L-1), takes longer than leaving.

    By partial fractions 1 / ((a - w^L) w^(L-1)) = (1/w^(L-1) + w / (a - w^L)) / a: the first is
    that of `escape_law`, the second grows as ln(a / e) / (L a^(1-2/L)) with the miss e at which
    descent stops. It hardly depends on the radius. At depth 2, where leaving takes a logarithm
    too, it is the longer part from radii of about 0.04 on.
    """
    quad = need("scipy.integrate").quad
    rate = DEPTH_RATE / depth * DEPTH_TARGET
    end = (DEPTH_TARGET - math.sqrt(2 * TOLERANCE)) ** (1 / depth)
    steps, _ = quad(lambda w: w / (DEPTH_TARGET - w**depth), radius, end, limit=200)
    return float(steps) / rate


def counter_case() -> float:
    """The loss at target -1 from w = (0, 0): both factors fall to zero and stay."""
    w = torch.zeros(2, dtype=torch.float64)
    for _ in range(MOST_STEPS):
        miss = -1 - slope("layer skip", w)
        w = w + RATE * miss * (1 + w.flip(-1))
    return float((-1 - slope("layer skip", w)) ** 2 / 2)


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    if arm.name == "depth":
        return {
            "plain": [depth_steps(depth, RADIUS, has_skips=False) for depth in DEPTHS],
            "skip": [depth_steps(depth, RADIUS, has_skips=True) for depth in DEPTHS],
            "leaving": [escape_law(depth, RADIUS) for depth in DEPTHS],
            "settling": [settling_law(depth, RADIUS) for depth in DEPTHS],
            "by radius": [
                [depth_steps(depth, radius, has_skips=False) for radius in RADII]
                for depth in (2, 3, 4)
            ],
            "counter-case": counter_case(),
        }
    generator = torch.Generator().manual_seed(seed)
    start = RADIUS * torch.randn(100, 2, generator=generator, dtype=torch.float64)
    eigenvalues, errors, steps = [], [], []
    for target in TARGETS:
        closed = hessian_at_origin(arm.name, target)
        traced = _traced_hessian(arm.name, target)
        errors.append(float((closed - traced).abs().max()))
        eigenvalues.append(torch.linalg.eigvalsh(traced).tolist())
        steps.append(float(descend(arm.name, target, start).median()))
    return {"eigenvalues": eigenvalues, "error": max(errors), "steps": steps}


def _traced_hessian(form: str, target: float) -> Tensor:
    def loss(w: Tensor) -> Tensor:
        return (target - slope(form, w)) ** 2 / 2

    found = torch.autograd.functional.hessian(loss, torch.zeros(2, dtype=torch.float64))
    assert isinstance(found, Tensor)
    return found


def conclude(runs: Runs) -> Conclusion:
    eigenvalues = {form: runs.of(form, "eigenvalues")[0] for form in FORMS}
    steps = {form: runs.of(form, "steps") for form in FORMS}
    others = eigenvalues["block skip"][1:, 0]
    by_radius = runs.of("depth", "by radius")[0]
    first = {form: steps[form][:, 0] for form in FORMS}
    e_fold = np.diff(by_radius[0]) / np.diff(-np.log(RADII))
    measured: dict[str, Sequence[float]] = {
        "plain-curvature": [eigenvalues["plain"][0, 0]],
        "skip-curvature": [eigenvalues["block skip"][0, 0]],
        "skip-speed": list(first["plain"] / first["block skip"]),
        "autograd": [max(float(runs.of(form, "error").max()) for form in FORMS)],
        "other-targets": [float((others < 0).mean())],
        "layer-speed": list(first["plain"] / first["layer skip"]),
        "log-law": [float(e_fold.mean()) * DEPTH_RATE / 2 * DEPTH_TARGET],
        "power-law": [_exponent(by_radius[2])],
        "deep-skip": [float(runs.of("depth", "skip")[0][-1])],
        "counter-case": [float(runs.of("depth", "counter-case")[0])],
    }
    leaving, settling = (float(runs.of("depth", key)[0][0]) for key in ("leaving", "settling"))
    medians = {form: float(np.median(first[form])) for form in FORMS}
    reading = (
        "The origin is a saddle without a skip. With a skip around both layers it is a minimum "
        "only for target 1, and there its Hessian is zero, so that descent takes "
        f"{medians['block skip']:.0f} steps in place of {medians['plain']:.0f}; at the other "
        "targets it stays a saddle. A skip around each layer is the cure: "
        f"{medians['layer skip']:.0f} steps, and {measured['deep-skip'][0]:.0f} at depth 64, where "
        f"the plain product does not leave the saddle in {DEPTH_STEPS:,}. It has its own trap: "
        f"target -1 from an equal start. At depth 2 the law of its differential equation has "
        f"{leaving:.0f} steps for leaving the saddle, a logarithm of the radius, and "
        f"{settling:.0f} for settling; in depth, leaving is nearly all."
    )
    return Conclusion(
        measured=measured,
        reading=reading,
        effects=(
            effect(
                "log10 of the steps to the minimum, target 1",
                ("layer skip", list(np.log10(first["layer skip"]))),
                ("plain", list(np.log10(first["plain"]))),
            ),
        ),
        figures=_figures(runs),
        tables=_tables(eigenvalues, steps, runs),
    )


def _exponent(steps: np.ndarray) -> float:
    return float(np.polyfit(np.log(RADII), np.log(steps), 1)[0])


def _figures(runs: Runs) -> tuple[Figure, ...]:
    depth = {key: runs.of("depth", key)[0] for key in ("plain", "skip")}
    law = runs.of("depth", "leaving")[0] + runs.of("depth", "settling")[0]
    by_radius = runs.of("depth", "by radius")[0]

    def surfaces(axes: Sequence[Axes]) -> None:
        side = torch.linspace(-2.2, 2.2, 89, dtype=torch.float64)
        w = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)
        for panel, (form, formula) in zip(axes, FORMS.items(), strict=True):
            loss = ((1 - slope(form, w)) ** 2 / 2).numpy()
            levels = (0.005, 0.05, 0.2, 0.5, 1, 2, 4)
            panel.contour(side, side, loss, levels=levels, colors=COLORS[form], linewidths=0.9)
            panel.plot(0, 0, "+", color=QUIET)
            panel.set(title=f"f = {formula}", xlabel="w1", ylabel="w2", aspect="equal")

    def escape(axes: Sequence[Axes]) -> None:
        left, right = axes
        for row, (number, color) in enumerate(((2, GREEN), (3, PURPLE), (4, ORANGE))):
            left.loglog(RADII, by_radius[row], "o", color=color, label=f"{number} layers")
            steps = [escape_law(number, r) + settling_law(number, r) for r in RADII]
            left.loglog(RADII, steps, "--", color=color)
        left.set(title="Leaving the saddle", xlabel="starting radius", ylabel="steps")
        left.legend()
        finite = np.isfinite(depth["plain"])
        right.loglog(DEPTHS, depth["skip"], "o-", color=BLUE, label="skip around each layer")
        right.loglog(
            np.asarray(DEPTHS)[finite], depth["plain"][finite], "o-", color=ORANGE, label="plain"
        )
        right.loglog(DEPTHS[:5], law[:5], "--", color=QUIET, label="law")
        right.set(title="Steps over depth, target 2", xlabel="layers")
        ticks(left, RADII)
        ticks(right, (2, 4, 8, 16, 32, 64))
        right.legend()

    return (
        Figure(
            name="surfaces",
            title="The loss at target 1",
            svg=draw(surfaces, panels=3, panel=(2.8, 2.9), columns=3),
            caption="Lines of equal loss over the two weights; the cross is the origin.",
        ),
        Figure(
            name="escape",
            title="Time to leave the saddle",
            svg=draw(escape, panels=2),
            caption="Points: measured, to the minimum. Dashed: the law, for leaving the saddle and "
            "for settling. Where a plain point is missing it took "
            f"more than {DEPTH_STEPS:,} steps.",
        ),
    )


def _tables(
    eigenvalues: Mapping[str, np.ndarray], steps: Mapping[str, np.ndarray], runs: Runs
) -> tuple[Table, ...]:
    hessians: tuple[tuple[str | float, ...], ...] = tuple(
        (form, target, *map(float, eigenvalues[form][i]), float(np.median(steps[form][:, i])))
        for form in FORMS
        for i, target in enumerate(TARGETS)
    )
    keys = ("plain", "leaving", "settling", "skip")
    depth = zip(*(runs.of("depth", key)[0] for key in keys), strict=True)
    return (
        Table(
            title="Hessian at the origin, and median steps from random starts",
            columns=("slope", "target", "smallest", "largest", "steps"),
            rows=hessians,
        ),
        Table(
            title=f"Steps over depth from radius {RADIUS}, target {DEPTH_TARGET:g}",
            columns=("layers", "plain", "law: leaving", "settling", "skips"),
            rows=tuple(
                (float(number), *map(float, row)) for number, row in zip(DEPTHS, depth, strict=True)
            ),
        ),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
