"""Bands of spatial frequency: what passes over the skips and over the deep path.

Radial frequency is in cycles a pixel, 0.5 along an axis being one change a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusone.labs.unet.nets import long_skips

Band = tuple[float, float]
NUM_BINS = 12


def radial_frequency(height: int, width: int) -> Tensor:
    """The frequency of each coefficient of the discrete Fourier transform, [H, W]."""
    vertical, horizontal = (torch.fft.fftfreq(n, dtype=torch.float64) for n in (height, width))
    return torch.hypot(vertical[:, None], horizontal[None, :])


def spectrum(x_NCHW: Tensor) -> Tensor:
    """The share of the power in each of 12 rings of equal width up to 0.5, without the mean.

    P(ring) = sum over the ring of |FFT x|^2; corners beyond 0.5 count to the last ring.
    """
    height, width = x_NCHW.shape[2:]
    power = torch.fft.fft2(x_NCHW.double()).abs().square().sum((0, 1))
    power[0, 0] = 0
    ring = (radial_frequency(height, width) * 2 * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    found = torch.zeros(NUM_BINS, dtype=torch.float64)
    found.index_add_(0, ring.flatten(), power.flatten())
    return found / found.sum()


def in_band(x: Tensor, band: Band) -> Tensor:
    """The part of x [..., H, W] whose frequencies are in the band, ends included."""
    frequency = radial_frequency(*x.shape[-2:])
    is_in = (frequency >= band[0]) & (frequency <= band[1])
    part: Tensor = torch.fft.ifft2(torch.fft.fft2(x) * is_in).real
    return part.to(x.dtype)


@dataclass(slots=True, kw_only=True)
class Passed:
    """What arrived at the joins in one forward: skips, the finest first, and what they met."""

    skips: list[Tensor]
    deep: list[Tensor]


@contextmanager
def at_joins(
    net: nn.Module, change: Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
) -> Iterator[Passed]:
    """Inside, forwards note what arrives at each join, and give it what `change` makes of it."""
    joins = [skip.join for skip in long_skips(net)]
    passed = Passed(skips=[torch.empty(0)] * len(joins), deep=[torch.empty(0)] * len(joins))

    def hook(level: int) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
        def note(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            passed.skips[level], passed.deep[level] = args[:2]
            return args if change is None else change(level, *args[:2])

        return note

    handles = [j.register_forward_pre_hook(hook(level)) for level, j in enumerate(joins)]
    try:
        yield passed
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def changes(net: nn.Module, x: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How the output changes when the input does: over the deep path, over the skips, over both.

    For the deep path alone the skips bring what they brought before the input changed, and for the
    skips alone the lowest resolution does. To first order the two add up to the third.
    """
    with at_joins(net) as passed:
        before = net(x)
        skips, lowest = list(passed.skips), passed.deep[-1]
        both = net(x + change)
        changed = list(passed.skips)
    last = len(skips) - 1
    with at_joins(net, lambda level, _, deep: (skips[level], deep)):
        over_deep = net(x + change)
    with at_joins(net, lambda level, _, deep: (changed[level], lowest if level == last else deep)):
        over_skips = net(x)
    return over_deep - before, over_skips - before, both - before


def selectivity(
    net: nn.Module, x: Tensor, bands: Sequence[Band], generator: torch.Generator
) -> list[float]:
    """The power of the output's change to noise in the second band over that in the first.

    Over the deep path, the skips and both. The noise has a thousandth of unit deviation.
    """
    found = []
    for band in bands:
        noise = in_band(torch.randn(x.shape, generator=generator, dtype=x.dtype), band)
        answers = changes(net, x, 1e-3 * noise / noise.std())
        found.append([float(y.square().sum()) for y in answers])
    low, high = found
    return [b / a for a, b in zip(low, high, strict=True)]


@contextmanager
def without_band(net: nn.Module, band: Band, *, of_skip: bool) -> Iterator[None]:
    """Inside, the finest join lacks a band of what its skip brings, or of what that is added to."""

    def change(level: int, skip: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        if level:
            return skip, deep
        if of_skip:
            return skip - in_band(skip, band), deep
        return skip, deep - in_band(deep, band)

    with at_joins(net, change):
        yield
