"""One net on its way: slices, a plane and the Hessian where it starts, at the level and at the end.

On digits, all with batch norm: in full mode He's nets for small images, in quick mode nets of fully
connected blocks, which cost a twentieth.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from plusone.labs.base import Arm, Plan
from plusone.labs.data import digits
from plusone.labs.loss_surface.claim import LEVEL
from plusone.labs.training import TrainConfig, train
from plusone.landscape import (
    DensityConfig,
    EigenConfig,
    GridConfig,
    NotConvergedWarning,
    Slice,
    Terrain,
    line,
    random_direction,
    slice_shape,
    spectral_density,
    surface,
    surface_shape,
    terrain,
    top_eigenvalues,
)
from plusone.nn.models import MLP, ResNet

WIDTHS, WIDTH = (8, 8, 16), 32
NUM_SAMPLES, NUM_SLICES = 128, 3
NETS = ("plain", "residual")


def plan(is_full: bool) -> Plan:
    """Depths 8 and 22 with 3 seeds, or 20 and 56 with 5, both with and without skips."""
    blocks = {"shallow": 3, "deep": 9} if is_full else {"shallow": 3, "deep": 10}
    arms = tuple(
        Arm(
            name=f"{depth} {net}",
            options={
                "net": net,
                "kind": "convolutions" if is_full else "fully connected",
                "num_blocks": count,
                "steps": 300 if is_full else 150,
                "slice": 21,
                "plane": 21 if is_full else 9,
            },
        )
        for depth, count in blocks.items()
        for net in NETS
    )
    return Plan(arms=arms, seeds=tuple(range(5 if is_full else 3)), data=("digits",))


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    """What `conclude` reads of one net: numbers by moment, and the plane at the level."""
    x, y = digits().inputs, digits().targets
    options = arm.options
    model, x = _net(arm, x)
    probe = (x[:NUM_SAMPLES], y[:NUM_SAMPLES])
    found: dict[str, object] = {"start": _numbers(model, probe, arm, seed)}
    kept = _Kept(model, probe)
    config = TrainConfig(steps=int(options["steps"]), learning_rate=0.02, seed=seed)
    train(model, x, y, config, observe=kept)
    found["end"] = _numbers(model, probe, arm, seed)
    # Where the level was never reached, the end is what comes nearest.
    at_level = kept.state if kept.state is not None else copy.deepcopy(model.state_dict())
    model.load_state_dict(at_level)
    found["step of the level"] = kept.step
    found["level"] = _numbers(model, probe, arm, seed)
    found |= _views(model, probe, arm, seed)
    return found


def _net(arm: Arm, x: Tensor) -> tuple[nn.Module, Tensor]:
    """The arm's net, and the digits as it reads them."""
    count, skips = int(arm.options["num_blocks"]), arm.options["net"] == "residual"
    if arm.options["kind"] == "convolutions":
        model = ResNet(num_channels=1, num_blocks=count, skips=skips, widths=WIDTHS)
        return model, x.view(-1, 1, 8, 8)
    return MLP(64, 10, width=WIDTH, num_blocks=count, skips=skips, norm="batch"), x


class _Kept:
    """Keeps the weights where the loss on the probe first falls to the level.

    One step can fall far below it: the weights are those between the two steps, on the straight
    line, at which the loss is the level.
    """

    def __init__(self, model: nn.Module, probe: tuple[Tensor, Tensor]) -> None:
        self.state: dict[str, Tensor] | None = None
        self.step = -1
        self._before: dict[str, Tensor] = {}
        self._model, self._probe = model, probe

    def __call__(self, step: int) -> None:
        if self.state is not None:
            return
        after = copy.deepcopy(self._model.state_dict())
        if self._loss(after) > LEVEL or not self._before:
            self._before = after
            return
        low, high = 0.0, 1.0
        for _ in range(6):
            middle = (low + high) / 2
            is_above = self._loss(_between(self._before, after, middle)) > LEVEL
            low, high = (middle, high) if is_above else (low, middle)
        self.state, self.step = _between(self._before, after, high), step
        self._model.load_state_dict(after)

    def _loss(self, state: Mapping[str, Tensor]) -> float:
        """The loss on the probe, with the statistics of the batch; buffers stay as they were."""
        self._model.train()
        inputs, targets = self._probe
        with torch.no_grad():
            # A copy of the buffers is what batch norms write their statistics into.
            outputs = functional_call(self._model, {k: v.clone() for k, v in state.items()}, inputs)
            return float(F.cross_entropy(outputs, targets))


def _between(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """The state at a share of the way; counts of batches are those of `after`."""
    return {
        name: torch.lerp(before[name], new, share) if new.is_floating_point() else new
        for name, new in after.items()
    }


def _numbers(
    model: nn.Module, probe: tuple[Tensor, Tensor], arm: Arm, seed: int
) -> dict[str, object]:
    """Loss, turns, share of negative second differences, both ends of the Hessian's spectrum."""
    with terrain(model, *probe, F.cross_entropy) as here:
        shapes = [slice_shape(found) for found in _slices(here, arm, seed)]
        loss = here.value()
        with here.hessian() as hessian, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)  # counted by a control
            ends = top_eigenvalues(
                hessian,
                config=EigenConfig(tol=0.05),
                generator=torch.Generator().manual_seed(seed),
            )
    top, low = ends.largest[0], ends.smallest[0]
    return {
        "loss": loss,
        "turns": float(np.mean([s.turns for s in shapes])),
        "nonconvex": float(np.nanmean([s.nonconvex for s in shapes])),
        "largest": top.value,
        "smallest": low.value,
        "converged": float(top.converged),
    }


def _slices(here: Terrain, arm: Arm, seed: int) -> Iterator[Slice]:
    generator = torch.Generator().manual_seed(1000 + seed)
    config = GridConfig(points=int(arm.options["slice"]))
    for _ in range(NUM_SLICES):
        yield line(here, random_direction(here, generator=generator), config=config)


def _views(
    model: nn.Module, probe: tuple[Tensor, Tensor], arm: Arm, seed: int
) -> dict[str, object]:
    """At the level: the slices, the plane, the density; and turns with running statistics."""
    generator = torch.Generator().manual_seed(2000 + seed)
    with terrain(model, *probe, F.cross_entropy) as here:
        first, second = (random_direction(here, generator=generator) for _ in range(2))
        plane = surface(here, (first, second), config=GridConfig(points=int(arm.options["plane"])))
        slices = list(_slices(here, arm, seed))
        with here.hessian() as hessian, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)  # a picture, no number
            density = spectral_density(
                hessian,
                config=DensityConfig(num_steps=20, num_probes=1, num_points=101),
                generator=generator,
            )
    with terrain(model, *probe, F.cross_entropy, statistics="running") as here:
        running = [slice_shape(found) for found in _slices(here, arm, seed)]
    return {
        "plane": [list(row) for row in plane.losses],
        "negative": surface_shape(plane).negative_curvature,
        "slices": [list(found.losses) for found in slices],
        "grid": list(density.grid),
        "density": list(density.density),
        "running turns": float(np.mean([s.turns for s in running])),
    }
