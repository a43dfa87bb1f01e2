from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from plusone.labs.base import Arm, Plan
from plusone.labs.data import digits
from plusone.labs.path_ensemble import LAB
from plusone.labs.path_ensemble.expansion import (
    SIZES,
    network,
    order,
    path_sum,
    shares_of,
    terms_by_length,
)
from plusone.labs.path_ensemble.lesions import Lesioned, groups_of, lesion_numbers
from plusone.labs.path_ensemble.nets import path_numbers
from plusone.labs.training import accuracy
from plusone.nn.models import MLP, PreActResNet

from support.reduced_lab import means, run_plan, verdicts


def matrices(number: int, width: int) -> list[torch.Tensor]:
    return list(torch.randn(number, width, width, dtype=torch.float64) / width**0.5)


def test_terms_by_length_are_the_sums_over_enumerated_paths() -> None:
    layers, x = matrices(5, 4), torch.randn(3, 4, 1, dtype=torch.float64)
    found = terms_by_length(layers, x)
    for length in range(6):
        expected = torch.zeros_like(x)
        for path in combinations(layers, length):
            value = x
            for matrix in path:
                value = matrix @ value
            expected += value
        torch.testing.assert_close(found[length], expected, rtol=1e-12, atol=1e-12)


def test_all_paths_of_a_linear_net_add_up_to_its_matrix() -> None:
    layers, x = matrices(6, 5), torch.randn(5, 1, dtype=torch.float64)
    product = torch.eye(5, dtype=torch.float64)
    for matrix in layers:
        product = (torch.eye(5, dtype=torch.float64) + matrix) @ product
    branches = [lambda v, m=m: m @ v for m in layers]
    torch.testing.assert_close(network(branches, x), product @ x, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(path_sum(branches, x), product @ x, rtol=1e-12, atol=1e-12)


def test_paths_of_two_branches_miss_a_net_by_what_the_stream_changes() -> None:
    first, second = (lambda v: v**2), (lambda v: 3 * v**2)
    x = torch.tensor(2.0, dtype=torch.float64)
    # net 2 + 4 + 3 * 6^2; paths 2, 4, 3 * 2^2 and 3 * 4^2
    assert float(network([first, second], x)) == 114
    assert float(path_sum([first, second], x)) == 66


def test_shares_are_energies_over_their_sum() -> None:
    terms = torch.tensor([[3.0, 0.0], [0.0, 4.0]])[:, None, :, None]
    assert shares_of(terms)[0].tolist() == pytest.approx([9 / 25, 16 / 25])


def test_the_order_of_a_power_is_its_exponent() -> None:
    assert order(7 * np.array(SIZES) ** 2.5) == pytest.approx(2.5, abs=1e-9)


def test_a_net_without_lesion_has_its_own_accuracy() -> None:
    data = digits()
    torch.manual_seed(3)
    net = MLP(64, 10, width=16, num_blocks=3, norm="batch")
    lesioned = Lesioned(net, data.test_inputs, data.test_targets)
    expected = accuracy(net, data.test_inputs, data.test_targets)
    assert lesioned.accuracy(range(3)) == pytest.approx(expected, abs=1e-6)
    net.blocks[1] = torch.nn.Identity()
    expected = accuracy(net, data.test_inputs, data.test_targets)
    assert lesioned.accuracy([0, 2]) == pytest.approx(expected, abs=1e-6)


def test_only_blocks_of_one_shape_change_places() -> None:
    net = PreActResNet(num_blocks=3, widths=(4, 8, 8))
    assert groups_of(net) == [[1, 2], [4, 5], [7, 8]]
    images, classes = torch.randn(6, 3, 8, 8), torch.arange(6)
    found = lesion_numbers(net, images, classes, 0)  # another shape would raise
    assert len(found["single"]) == 6
    assert len(found["many"]) == 7
    assert min(found["taus"]) < 1


def test_the_gradient_by_path_length_adds_up_and_dead_branches_leave_length_0() -> None:
    net = MLP(64, 10, width=12, num_blocks=4, norm="batch")
    found = path_numbers(net, 0)
    assert found["gradient error"] < 1e-12
    assert sum(found["shares"]) == pytest.approx(1)
    assert found["counts error"] < 1e-12
    for block in net.blocks:
        torch.nn.init.zeros_(block.branch[-1].weight)
    assert path_numbers(net, 0)["shares"] == [1, 0, 0, 0, 0]


@pytest.mark.slow
@pytest.mark.lab
def test_a_residual_net_survives_lesions_that_ruin_its_plain_twin() -> None:
    options = {"blocks": 6, "steps": 150}
    arms = (
        Arm(name="linear"),
        Arm(name="smooth"),
        Arm(name="residual", options={**options, "skips": True}),
        Arm(name="plain", options={**options, "skips": False}),
    )
    result = run_plan(LAB, Plan(arms=arms, seeds=(0,), data=("digits",)))
    found = verdicts(result)
    exact = ("linear-exact", "counts", "gradient-sum", "first-order", "second-order", "trained")
    assert {found[key] for key in exact} == {"holds"}
    assert found["all-paths-order"] == "fails"
    assert found["delete-one"] == found["delete-one-plain"] == found["short-paths"] == "holds"
    assert means(result)["binomial-length"] == pytest.approx(1, abs=0.1)
    assert math.isfinite(means(result)["reorder"])
