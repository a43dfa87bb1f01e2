"""The committed table, and the measures that are read off it."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.trainability.fit import Quantity, cross_validated, fit
from benchmarks.trainability.scores import auc, calibration_error, orient, reliability
from benchmarks.trainability.spec import is_held_out, random_arch
from benchmarks.trainability.table import Table, load


@pytest.fixture(scope="module")
def table() -> Table:
    return load()


def test_the_table_has_600_architectures_of_both_outcomes(table: Table) -> None:
    assert len(table) >= 600
    assert len(np.unique(table["seed"])) == len(table)
    assert 0.3 <= table.label.mean() <= 0.7


def test_no_family_is_in_both_halves(table: Table) -> None:
    fitted = set(table["family"][~table.held_out])
    held = set(table["family"][table.held_out])
    assert not fitted & held
    assert len(held) >= 30


def test_each_row_is_the_architecture_of_its_seed(table: Table) -> None:
    for row in range(0, len(table), 37):
        arch = table.arch(row)
        assert arch.seed == int(table["seed"][row])
        made = random_arch(arch.seed)
        assert (made.family, made.depth, made.width) == (arch.family, arch.depth, arch.width)
        assert made.gain == pytest.approx(arch.gain, rel=1e-3)
        assert made.family == table["family"][row]
        assert is_held_out(made.family) == table.held_out[row]


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    score, label = rng.integers(0, 5, 60).astype(float), rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in score[label] for b in score[~label]]
    assert auc(score, label) == pytest.approx(np.mean(pairs))


def test_a_quantity_that_is_good_in_the_middle_is_read_as_such() -> None:
    value = np.linspace(-3, 3, 61)
    label = np.abs(value) < 1
    found = orient(value, label)
    assert found.middle == pytest.approx(0.0, abs=0.1)
    assert auc(found.score(value), label) == 1.0
    assert auc(orient(-value, value < 0).score(-value), value < 0) == 1.0


def test_what_was_not_measured_scores_last() -> None:
    score = orient(np.array([1.0, 2.0, np.nan]), np.array([False, True, False])).score(
        np.array([np.nan, 1.0, 2.0])
    )
    assert np.argmin(score) == 0


def test_probabilities_that_are_drawn_from_have_a_small_calibration_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    label = rng.random(20_000) < p
    assert calibration_error(p, label) < 0.015
    assert calibration_error(np.full(20_000, 0.9), label) == pytest.approx(0.4, abs=0.02)
    assert sum(b.count for b in reliability(p, label)) == 20_000


def _made_up(count: int) -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=count)
    trains = (rng.random(count) < 1 / (1 + np.exp(-(2 * x - 1)))).astype(float)
    family = np.array([f"f{k % 9}" for k in range(count)])
    return Table(columns={"seed": np.arange(count), "x": x, "trains": trains, "family": family})


def test_the_fit_finds_the_coefficients_that_made_the_labels() -> None:
    quantity = Quantity(name="x", meaning="", read=lambda t: t["x"])
    model = fit(_made_up(20_000), (quantity,))
    assert model.coefficients[0] == pytest.approx(2.0, abs=0.1)
    assert model.intercept == pytest.approx(-1.0, abs=0.1)


def test_cross_validation_predicts_every_row_once() -> None:
    quantity = Quantity(name="x", meaning="", read=lambda t: t["x"])
    found = cross_validated(_made_up(300), (quantity,))
    assert np.isfinite(found).all()
