"""Random skips against all patterns, one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from plusone.theory import Prediction, predict

DEPTH = 8
CASES: list[dict[str, Any]] = [
    {"activation": "linear", "gain": 0.7, "width": 64},
    {"activation": "relu", "gain": 0.7},
    {"activation": "tanh", "gain": 3.0},
    {"activation": "tanh", "gain": 0.05},
    {"activation": "gelu", "gain": 0.7},
    {"norm": "layer", "activation": "relu"},
    {"norm": "layer", "activation": "tanh", "scale": np.linspace(0.1, 1.0, DEPTH)},
    {"norm": "layer", "activation": "gelu", "scale": 0.3},
    {"norm": "batch", "activation": "relu", "gain": 2.0},
    {"norm": "layer", "placement": "post", "activation": "tanh", "gain": 0.7},
    {"norm": "batch", "placement": "post", "activation": "gelu"},
    {"norm": "layer", "activation": "relu", "scale": [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]},
]


def all_patterns(density: float, options: dict[str, Any]) -> tuple[float, float, float, float]:
    """ln E R, E ln R, Var ln R and the mean number of branches, by enumeration."""
    patterns = list(itertools.product((0, 1), repeat=DEPTH))
    found: list[Prediction] = [predict(pattern=pattern, **options) for pattern in patterns]
    num_skips = np.array([sum(pattern) for pattern in patterns])
    chance = density**num_skips * (1 - density) ** (DEPTH - num_skips)
    moment = np.exp([float(one.log_second_moment) for one in found])
    logs = np.array([2 * float(one.mean_log_norm) for one in found])
    within = np.array([4 * float(one.var_log_norm) for one in found])
    branches = np.array([float(one.effective_depth) for one in found])
    mean = float(chance @ moment)
    typical = float(chance @ logs)
    variance = float(chance @ ((logs - typical) ** 2 + within)) if np.isfinite(typical) else np.nan
    return np.log(mean), typical, variance, float((chance * moment) @ branches) / mean


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("density", [0.05, 0.6, 0.95])
def test_random_skips_average_over_all_patterns(options: dict[str, Any], density: float) -> None:
    found = predict(DEPTH, density, **options)
    ours = (
        found.log_second_moment,
        2 * found.mean_log_norm,
        4 * found.var_log_norm,
        found.effective_depth,
    )
    assert tuple(map(float, ours)) == pytest.approx(
        all_patterns(density, options), abs=2e-5, nan_ok=True
    )


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "layer", "activation": "relu"},
        {"norm": "batch", "activation": "gelu", "gain": 0.3},
        {"activation": "tanh", "gain": 2.0},
    ],
)
def test_blocks_that_add_the_same_everywhere_are_counted_together(options: dict[str, Any]) -> None:
    depth, density = 300, 0.6
    together = predict(depth, density, **options)
    # One scale that differs in the twelfth digit, so that every block is gone through.
    scale = np.ones(depth)
    scale[0] += 1e-12
    one_by_one = predict(depth, density, scale=scale, **options)
    for name in ("log_second_moment", "mean_log_norm", "var_log_norm", "effective_depth"):
        found, expected = getattr(together, name), getattr(one_by_one, name)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
