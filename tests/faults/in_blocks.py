"""Faults of one block: a dead branch, a gain, a missing skip, something that is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import nn

from faults import plants
from faults.case import Fault
from faults.hosts import Host

Plant = Callable[[nn.Module], object]


def dead_branches(host: Host, at: int) -> Iterator[Fault]:
    """The branch of one block gives nothing and cannot learn."""
    last = host.last
    yield _fault("dead branch", "detached", host, at, lambda b: plants.after(b, last, _detach))
    yield _fault("dead branch", "times zero", host, at, lambda b: plants.after(b, last, _nothing))
    if len(host.layers) > 1:
        zeros: Plant = lambda b: plants.zeros(host.weighted(b))  # noqa: E731
        yield _fault("dead branch", "two zero layers", host, at, zeros)
    if host.is_relu:
        dead: Plant = lambda b: plants.shut(host.weighted(b)[0])  # noqa: E731
        yield _fault("dead branch", "dead units", host, at, dead)


def gains(host: Host, at: int, factor: float = 2.0) -> Iterator[Fault]:
    """The branch of one block is stronger than those of its peers."""
    last = host.last
    name = f"gain of {factor:g}"
    times: Plant = lambda b: plants.after(b, last, lambda y: y * factor)  # noqa: E731
    yield _fault("gain of one block", name, host, at, times, code="J401")


def missing_skips(host: Host, at: int) -> Iterator[Fault]:
    """One block lacks the skip that its peers have."""
    plant: Plant = lambda b: setattr(b, host.flag, False)  # noqa: E731
    yield _fault("missing skip", "no skip", host, at, plant, code="S104", also=("G201",))


def non_finite(host: Host, at: int) -> Iterator[Fault]:
    """Something in one block is not finite, forward or backward."""
    first, last = host.layers[0], host.layers[-1]

    def weight(number: float, layer: str) -> Plant:
        return lambda b: plants.poison(b.get_submodule(layer), number)

    def function(then: Callable[[torch.Tensor], torch.Tensor], layer: str) -> Plant:
        return lambda b: plants.after(b, layer, then)

    for name, plant in {
        "inf weight": weight(math.inf, first),
        "inf weight at the end": weight(-math.inf, last),
        "nan weight": weight(math.nan, last),
        "division by zero": function(plants.divide_by_zero, first),
        "log of zero": function(plants.log_of_zero, last),
        "overflow of exp": function(plants.overflow, last),
        "gradient of sqrt at zero": function(plants.root_of_zero, last),
        "gradient of a norm at zero": function(plants.norm_of_zero, first),
    }.items():
        yield _fault("not finite", name, host, at, plant, code="N501", label="unstable")


def half_overflow(host: Host, at: int) -> Iterator[Fault]:
    """Weights that are fine in single precision leave the range of half precision."""
    half = host.but(dtype=torch.float16)
    plant: Plant = lambda b: plants.times(host.weighted(b), 3e3)  # noqa: E731
    yield _fault("not finite", "overflow", half, at, plant, code="N501", label="unstable")


def _fault(
    kind: str,
    name: str,
    host: Host,
    at: int,
    plant: Plant,
    *,
    code: str = "S102",
    also: tuple[str, ...] = (),
    label: str = "",
) -> Fault:
    return Fault(
        kind=kind,
        name=f"{name}: {host.name} of {host.depth}, block {at}",
        code=code,
        where=(host.place(at),),
        build=lambda: host.built(plant, at),
        also=also,
        label=label,
    )


def _detach(x: torch.Tensor) -> torch.Tensor:
    return x.detach()


def _nothing(x: torch.Tensor) -> torch.Tensor:
    return x * 0.0
