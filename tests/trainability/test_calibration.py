"""The coefficients in the package are those that the committed tables give."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.trainability.fit import Quantity, fit
from benchmarks.trainability.scanned import BATCHES, load_scanned
from benchmarks.trainability.scores import auc, calibration_error
from benchmarks.trainability.table import Table, load

from plusone.judge.calibration import INTERCEPT, NAMES, QUANTITIES, probability, quantities
from plusone.records import NOT_MEASURED, BlockReport, EndToEnd, Evidence, Value


def _joined(batch: int) -> Table:
    table, found = load(), load_scanned(batch)
    assert (table["seed"] == found["seed"]).all()
    return Table(columns={**table.columns, **{name: found[name] for name in NAMES}})


def _probabilities(table: Table) -> np.ndarray:
    rows = zip(*(table[name] for name in NAMES), strict=True)
    return np.array([probability(dict(zip(NAMES, row, strict=True))) for row in rows])


def test_the_coefficients_are_those_of_the_fit_families() -> None:
    columns = [Quantity(name=n, meaning="", read=lambda t, n=n: t[n]) for n in NAMES]
    table = _joined(64)
    model = fit(table.where(~table.held_out), columns)
    written = [q.coefficient for q in QUANTITIES]
    assert list(model.coefficients) == pytest.approx(written, abs=0.006)
    assert model.intercept == pytest.approx(INTERCEPT, abs=0.006)


@pytest.mark.parametrize("batch", BATCHES)
def test_held_out_families_are_told_apart_and_calibrated(batch: int) -> None:
    table = _joined(batch)
    held_out = table.where(table.held_out)
    found = _probabilities(held_out)
    assert auc(found, held_out.label) >= 0.97
    assert calibration_error(found, held_out.label) <= 0.05


def _evidence(**changes: Value) -> Evidence:
    whole = {
        "gradient_collapse": Value.of(0.1),
        "log10_gradient_ratio": Value.of(-1.0),
        "input_alignment": Value.of(0.5),
    }
    norms = [Value.of(1.0), Value.of(100.0), NOT_MEASURED]
    blocks = tuple(BlockReport(name=str(k), depth=k, gradient_norm=v) for k, v in enumerate(norms))
    return Evidence(blocks=blocks, end_to_end=EndToEnd(**(whole | changes)))


def test_quantities_are_read_from_the_evidence() -> None:
    found = quantities(_evidence())
    expected = {"collapse": 0.1, "vanish": 1.0, "geometry": np.log10(0.5), "spread": 2.0}
    assert found == pytest.approx(expected)
    assert quantities(_evidence(input_alignment=NOT_MEASURED)) is None


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"gradient_collapse": Value(state="nan")}, "collapse", 1.0),
        ({"log10_gradient_ratio": Value(state="-inf")}, "vanish", 6.0),
        ({"log10_gradient_ratio": Value(state="nan")}, "vanish", 6.0),
        ({"log10_gradient_ratio": Value(state="inf")}, "vanish", 6.0),
        ({"log10_gradient_ratio": Value.of(5.0)}, "vanish", 0.0),
        ({"input_alignment": Value(state="nan")}, "geometry", np.log10(0.03)),
        ({"input_alignment": Value.of(-0.2)}, "geometry", np.log10(0.03)),
    ],
)
def test_what_is_not_finite_counts_as_the_worst(
    change: dict[str, Value], name: str, value: float
) -> None:
    found = quantities(_evidence(**change))
    assert found is not None
    assert found[name] == pytest.approx(value)
