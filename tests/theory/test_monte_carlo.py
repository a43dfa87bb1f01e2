"""The closed forms against real random nets, within three standard errors over nets.

Seeds are fixed, so that a test passes or fails for good; benchmarks/theory.py has the large table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plusone.theory import correlation_profile, predict
from theory.random_nets import (
    Net,
    log_gaps,
    log_ratios,
    mean_log,
    second_moment,
    variance,
)

from support.modes import gate

# A narrow net, where corrections for finite width are many standard errors.
NARROW: list[dict[str, Any]] = [
    {"depth": 30, "density": 1.0, "gain": 0.1, "activation": "linear", "width": 32},
    {"depth": 30, "density": 1.0, "gain": 0.1, "activation": "relu", "width": 64},
    {"depth": 15, "density": 0.0, "activation": "linear", "width": 32},
    {"depth": 15, "density": 0.0, "activation": "relu", "width": 64},
    {"depth": 12, "density": 0.7, "gain": 0.49, "activation": "relu", "width": 64},
    {"depth": 12, "density": 0.3, "gain": 0.8, "activation": "linear", "width": 32},
    {"depth": 20, "density": 1.0, "scale": "1/sqrt(L)", "activation": "relu", "width": 64},
    {"pattern": [1, 1, 0, 1, 1, 1, 0, 1] * 2, "gain": 0.5, "activation": "relu", "width": 64},
]

# Wide nets, where the limit of infinite width is within a standard error or so.
WIDE: list[dict[str, Any]] = [
    {"depth": 10, "density": 1.0, "norm": "layer", "activation": "relu"},
    {"depth": 10, "density": 0.7, "norm": "layer", "activation": "gelu"},
    {"depth": 10, "density": 1.0, "norm": "layer", "placement": "post", "activation": "relu"},
    {"depth": 8, "density": 1.0, "norm": "layer", "placement": "post", "activation": "tanh"},
    {"depth": 10, "density": 0.0, "norm": "batch", "activation": "relu", "batch": 16},
    {"depth": 10, "density": 1.0, "norm": "batch", "activation": "linear", "batch": 16},
    {"depth": 10, "density": 0.8, "norm": "batch", "activation": "tanh", "batch": 32},
    {"depth": 8, "density": 1.0, "norm": "batch", "placement": "post", "activation": "gelu"},
    {"depth": 12, "density": 1.0, "gain": 0.2, "activation": "tanh"},
    {"depth": 12, "density": 0.5, "gain": 0.8, "activation": "gelu"},
]


def net_and_options(options: dict[str, Any], **defaults: Any) -> tuple[Net, dict[str, Any]]:
    """The net that is drawn and the options that predict takes for it."""
    drawn = {**defaults, **options}
    if "pattern" in drawn:
        drawn["depth"] = len(drawn["pattern"])
    asked = {name: value for name, value in drawn.items() if name != "batch"}
    if drawn.get("norm") == "batch":
        asked["batch"] = drawn["batch"]
    return Net(**drawn), asked


@pytest.mark.parametrize(
    "options",
    # The gate takes every second of them.
    [pytest.param(options, marks=gate(k, every=2)) for k, options in enumerate(NARROW)],
)
def test_narrow_nets_without_norm_follow_the_corrections_for_their_width(
    options: dict[str, Any],
) -> None:
    net, asked = net_and_options(options, batch=8)
    logs = log_ratios(net, num_nets=1000)
    found = predict(**asked)
    assert abs(second_moment(logs).deviations(float(np.exp(found.log_second_moment)))) < 3
    assert abs(mean_log(logs).deviations(2 * float(found.mean_log_norm))) < 3
    spread = variance(logs)
    # ReLU's variance is given to order 1/n only.
    slack = 0.02 * spread.mean if net.activation == "relu" else 0.0
    assert abs(spread.mean - 4 * float(found.var_log_norm)) < 3 * spread.stderr + slack


def test_two_relu_blocks_have_the_correction_that_can_be_worked_out_by_hand() -> None:
    # Blocks of strength 1: rho^2 = 1/2 and tau = 1, so persist = (1/2)^2 (2/pi)(pi/4) = 1/8 and
    # cross = (2/pi)(1/2)(1/2)(1/2) = 1/(4 pi), each over n.
    n = 1000
    wide, narrow = (predict(2, 1.0, activation="relu", width=w) for w in (None, n))
    gap = float(narrow.log_second_moment - wide.log_second_moment)
    assert gap == pytest.approx((1 / 8 + 1 / (4 * np.pi)) / n)


@pytest.mark.parametrize("options", WIDE)
def test_wide_nets_follow_the_limit(options: dict[str, Any]) -> None:
    net, asked = net_and_options(options, width=384, batch=16)
    logs = log_ratios(net, num_nets=48)
    found = predict(**asked)
    assert abs(second_moment(logs).deviations(float(np.exp(found.log_second_moment)))) < 3
    assert abs(mean_log(logs).deviations(2 * float(found.mean_log_norm))) < 3


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 20, "density": 1.0, "gain": 0.1, "activation": "relu"},
        {"depth": 12, "density": 0.7, "gain": 0.2, "activation": "tanh"},
        {"depth": 12, "density": 1.0, "norm": "layer", "activation": "gelu"},
        {"depth": 6, "density": 1.0, "norm": "layer", "placement": "post", "activation": "relu"},
        {"depth": 6, "density": 1.0, "norm": "batch", "activation": "relu", "batch": 128},
    ],
)
def test_two_inputs_grow_alike_as_predicted(options: dict[str, Any]) -> None:
    net, asked = net_and_options(options, width=512, batch=8)
    asked.pop("batch", None)
    found = correlation_profile(predict(**asked).setting, correlation=0.3)
    measured = mean_log(log_gaps(net, 0.3, num_nets=24))
    error = np.hypot(measured.stderr, found.stderr[-1])
    assert abs(measured.mean - found.log_gap[-1]) < 3 * error


def test_inputs_grow_parallel_without_skips_and_stay_apart_with_them() -> None:
    plain = correlation_profile(predict(1000, 0.0, activation="relu").setting)
    residual = correlation_profile(predict(1000, 1.0, scale="1/sqrt(L)", activation="relu").setting)
    # Hayou et al. 2019 (arXiv 1902.06853): 1 - c ~ (9 pi^2/2) / depth^2 for ReLU.
    assert plain.gap[-1] == pytest.approx(4.5 * np.pi**2 / 1000**2, rel=0.05)
    assert residual.gap[-1] > 0.5
    assert np.all(np.diff(plain.log_gap) < 0)


def test_linear_blocks_leave_a_correlation_as_it_is() -> None:
    found = correlation_profile(predict(50, 0.5).setting, correlation=0.9)
    assert np.allclose(found.gap, 0.1)
    parallel = correlation_profile(predict(50, 0.5, activation="relu").setting, correlation=1.0)
    assert np.isneginf(parallel.log_gap).all()
