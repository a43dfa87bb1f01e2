"""How often the stated errors hold, over families of random matrices from 20 to 2,000 wide.

One stated error should cover 68 % of the cases and two 95 %. The norm's error, which guards
against values that a short chain has not seen yet, covers more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import pytest

from probe.spectra.families import Miss, density_misses, spectrum_misses

# The shares within one and within two stated errors.
NOMINAL = {
    "spectral norm": (0.90, 0.97),
    "Frobenius norm": (0.68, 0.95),
    "stable rank": (0.68, 0.95),
    "density": (0.68, 0.95),
    "median": (0.68, 0.95),
}


LONG = pytest.mark.long


def check(misses: Iterable[Miss]) -> None:
    """The shares are the nominal ones, or at most three standard errors below.

    F and I + F of one matrix share their start, so only every second case counts as a new one.
    """
    rows: dict[str, list[Miss]] = {}
    for miss in misses:
        rows.setdefault(miss.quantity, []).append(miss)
    for quantity, some in rows.items():
        for errors, nominal in zip((1, 2), NOMINAL[quantity], strict=True):
            share = sum(m.within(errors) for m in some) / len(some)
            margin = 3 * math.sqrt(nominal * (1 - nominal) / (len(some) / 2))
            assert share >= nominal - margin, f"{quantity}: {share:.1%} within {errors}"


def test_the_errors_of_small_spectra_hold_as_often_as_they_should() -> None:
    check(itertools.chain(*(spectrum_misses(n, repeats=8) for n in (20, 40, 80))))


@pytest.mark.parametrize("samples", [1, 2, 8])
def test_the_errors_of_small_densities_hold_as_often_as_they_should(samples: int) -> None:
    repeats = 8 if samples == 1 else 4
    check(itertools.chain(*(density_misses(n, repeats=repeats, samples=samples) for n in (20, 60))))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("width", "repeats"),
    [(200, 12), pytest.param(500, 5, marks=LONG), pytest.param(1000, 2, marks=LONG)],
)
def test_the_errors_of_wide_spectra_hold_as_often_as_they_should(width: int, repeats: int) -> None:
    check(spectrum_misses(width, repeats=repeats))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_errors_of_very_wide_spectra_hold() -> None:
    names = ("gauss", "mlp", "inverse root", "shifted", "tall")
    check(spectrum_misses(2000, repeats=1, names=names))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("width", "samples"), [(200, 1), (200, 4), pytest.param(700, 2, marks=LONG)]
)
def test_the_errors_of_wide_densities_hold_as_often_as_they_should(
    width: int, samples: int
) -> None:
    check(density_misses(width, repeats=6 if width < 500 else 2, samples=samples))


def test_misses_beyond_the_stated_error_are_seen() -> None:
    misses = [Miss("gauss", "density", 20, distance=0.3, stated=0.1)] * 40
    assert not misses[0].within(2)
    assert misses[0].within(3)
    with pytest.raises(AssertionError, match=r"density: 0\.0% within 1"):
        check(misses)
