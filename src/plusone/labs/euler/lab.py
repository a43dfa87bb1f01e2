"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, effect
from plusone.labs.base.lab import Option
from plusone.labs.euler import flows
from plusone.labs.euler.claim import CLAIM
from plusone.labs.euler.figures import figures, tables
from plusone.labs.euler.refinement import PLAIN, STEPS, measure_refinement
from plusone.labs.euler.stability import KINDS, matrix, measured_limit
from plusone.labs.training import TrainConfig
from plusone.theory import euler_limit

NUM_EXACT = 64


def plan(is_full: bool) -> Plan:
    data, width, depth, steps = ("mnist", 48, 16, 400) if is_full else ("digits", 32, 16, 150)
    shared: dict[str, Option] = {"data": data, "width": width, "depth": depth, "steps": steps}
    nets = [Arm(name=step_name(h), options={**shared, "step": h}) for h in STEPS]
    return Plan(
        arms=(
            Arm(name="orders", options={"deepest": 1024 if is_full else 256}),
            Arm(name="stability", options={"blocks": 2000}),
            *nets,
            Arm(name=PLAIN, options=shared),
        ),
        seeds=tuple(range(5 if is_full else 3)),
        data=(data,),
    )


def step_name(step: float) -> str:
    """The arm of the nets trained with this step."""
    return f"h = {step:g}"


def depths(deepest: int) -> list[int]:
    """8, 16, ... to the deepest."""
    return [2**k for k in range(3, deepest.bit_length())]


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    generator = torch.Generator().manual_seed(seed)
    if arm.name == "orders":
        return _orders(depths(int(arm.options["deepest"])), generator)
    if arm.name == "stability":
        num_blocks = int(arm.options["blocks"])
        drawn = [matrix(kind, generator) for kind in KINDS]
        return {
            "predicted": [euler_limit(torch.linalg.eigvals(a).numpy()) for a in drawn],
            "measured": [measured_limit(a, generator, num_blocks) for a in drawn],
        }
    config = TrainConfig(
        steps=int(arm.options["steps"]), learning_rate=3e-3, optimizer="adam", seed=seed
    )
    shape = (int(arm.options["width"]), int(arm.options["depth"]))
    step = float(arm.options["step"]) if "step" in arm.options else None
    return measure_refinement(str(arm.options["data"]), shape, step, config)


def _orders(depths: Sequence[int], generator: torch.Generator) -> Mapping[str, object]:
    x = flows.start(generator)
    shared, smooth = (flows.Velocity(generator, is_smooth=s) for s in (False, True))
    truth, smooth_truth = flows.reference(shared, x), flows.reference(smooth, x)
    errors = {
        name: [flows.rms(flows.net(shared, n, name)(x) - truth) for n in depths]
        for name in flows.METHODS
    }
    exact = flows.net(shared, NUM_EXACT)(x)
    hand = flows.hand_stepped(shared, x, NUM_EXACT)
    solved = ((shared, truth), (smooth, smooth_truth))
    peers = (flows.torchdiffeq_rk4(v, x) - t for v, t in solved)
    adaptive = (flows.torchdiffeq_adaptive(v, x) - t for v, t in solved)
    return {
        "errors": [errors[name] for name in flows.METHODS],
        "smooth": [flows.rms(flows.net(smooth, n)(x) - smooth_truth) for n in depths],
        "independent": flows.independent_error(generator, x, depths),
        "equal": float((exact - flows.torchdiffeq_euler(shared, x, NUM_EXACT)).abs().max()),
        "hand": float(np.abs(exact.numpy() - hand).max()),
        "reference": max(float(d.abs().max()) for d in peers),
        "adaptive": max(float(d.abs().max()) for d in adaptive),
    }


def conclude(runs: Runs) -> Conclusion:
    nets = [arm.name for arm in runs.arms[2:]]
    short, ordinary, long = nets[:3]
    orders = orders_of(runs)
    predicted, found = (runs.of("stability", key) for key in ("predicted", "measured"))
    trained = {name: runs.of(name, "trained") for name in nets}
    change = {name: runs.of(name, "refined")[:, 1] - trained[name] for name in nets}
    doubled = {name: runs.of(name, "doubled")[:, 1] - trained[name] for name in nets}
    measured: dict[str, Sequence[float]] = {
        "equal": [float(runs.of("orders", "equal").max())],
        "order-euler": orders["Euler"],
        "order-smooth": orders["smooth"],
        "stability": list(np.abs(predicted / found - 1).max(1)),
        "refined": list(change[ordinary]),
        "refined-short": list(change[short]),
        "plain-refined": list(change[PLAIN]),
        "plain-doubled": list(doubled[PLAIN]),
        "as-steps": list(np.abs(runs.of(PLAIN, "as_steps") - trained[PLAIN])),
        "hand": [float(runs.of("orders", "hand").max())],
        "reference": [float(runs.of("orders", "reference").max())],
        "adaptive": [float(runs.of("orders", "adaptive").max())],
        "trained": list(np.minimum(trained[ordinary], trained[PLAIN])),
        "order-heun": orders["Heun"],
        "order-rk4": orders["RK4"],
        "order-independent": orders["independent"],
        "doubled": list(doubled[ordinary]),
        "too-long": list(change[long]),
    }
    return Conclusion(
        measured=measured,
        reading=_reading(runs, measured),
        effects=(
            effect(
                "test accuracy on a grid four times as fine",
                ("Euler blocks, h = 1", list(runs.of(ordinary, "refined")[:, 1])),
                ("plain, along F(x) - x", list(runs.of(PLAIN, "refined")[:, 1])),
            ),
        ),
        figures=figures(runs, depths(int(runs.arms[0].options["deepest"]))),
        tables=tables(runs, orders),
    )


def orders_of(runs: Runs) -> dict[str, list[float]]:
    """The fitted order of each method, by seed."""
    at = depths(int(runs.arms[0].options["deepest"]))
    errors = runs.of("orders", "errors")
    found = {
        name: [flows.order(at, row[i]) for row in errors] for i, name in enumerate(flows.METHODS)
    }
    for key in ("smooth", "independent"):
        found[key] = [flows.order(at, row) for row in runs.of("orders", key)]
    return found


def _reading(runs: Runs, measured: Mapping[str, Sequence[float]]) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    growth = {name: float(runs.mean(name, "growth")) for name in map(step_name, STEPS)}
    return (
        f"A net of Euler blocks equals torchdiffeq's Euler (difference {mean['equal']:g}), and its "
        f"error falls with the depth to the power {mean['order-euler']:.3f} (Heun "
        f"{mean['order-heun']:.3f}, RK4 {mean['order-rk4']:.3f}). Where every block draws weights "
        f"of its own there is no equation to come near: what they do falls as depth to the power "
        f"{-mean['order-independent']:.2f}. h* from the eigenvalues is the step at which the net "
        f"begins to grow, within {mean['stability']:.2%}. A trained net of steps of 1 changes "
        f"by {mean['refined']:+.3f} in accuracy on a grid four times as fine (of 1/8 by "
        f"{mean['refined-short']:+.3f}), the plain one, whose blocks are steps along F(x) - x, by "
        f"{mean['plain-refined']:+.2f}. With each block four times at full step they change by "
        f"{mean['doubled']:+.2f} and {mean['plain-doubled']:+.2f}. A net "
        f"trained at h = 4 changes by {mean['too-long']:+.2f} when its step is halved twice. The "
        "mean over blocks of max |1 + h lambda| is "
        f"{', '.join(f'{g:.2f} ({n})' for n, g in growth.items())}."
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
