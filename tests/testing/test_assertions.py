"""Each assertion passes a right block and fails one that is wrong on purpose."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from plusone.testing import (
    assert_every_parameter_matters,
    assert_expectation_preserved,
    assert_identity_at_init,
    assert_trainable,
    assert_update_bounded_in_depth,
)


class Gated(nn.Module):
    """x + alpha W x, with whatever faults are asked for."""

    def __init__(self, *, start: float = 0.0, fault: str = "") -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6, bias=False)
        self.mixing = nn.Parameter(torch.eye(6))
        self.alpha = nn.Parameter(torch.tensor(start))
        self.fault = fault

    def forward(self, x: Tensor) -> Tensor:
        mixed = x @ self.mixing
        if self.fault == "discarded":
            mixed = x
        if self.fault == "forward only":
            mixed = x @ self.mixing.detach()
        if self.fault == "gradient only":
            mixed = x @ (self.mixing - self.mixing.detach() + torch.eye(6, dtype=x.dtype))
        branch = self.linear(x)
        return mixed + (branch.detach() if self.fault == "detached" else self.alpha * branch)


def test_identity_at_init_passes_a_gate_at_zero_and_fails_one_slightly_open() -> None:
    x = torch.randn(4, 6)
    assert_identity_at_init(Gated(), x)
    with pytest.raises(AssertionError, match="Gated is not the identity at initialisation"):
        assert_identity_at_init(Gated(start=1e-4), x)
    assert_identity_at_init(Gated(start=1e-4), x, atol=1e-2)


def test_identity_at_init_refuses_inputs_that_show_nothing() -> None:
    with pytest.raises(AssertionError, match="The input is constant"):
        assert_identity_at_init(nn.Linear(6, 6, bias=False), torch.zeros(4, 6))


def test_identity_at_init_sees_nan_and_shapes() -> None:
    class NotANumber(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / 0 * 0

    with pytest.raises(AssertionError, match="differs by up to inf"):
        assert_identity_at_init(NotANumber(), torch.randn(4, 6))
    with pytest.raises(AssertionError, match=r"shape \(4, 3\), the input \(4, 6\)"):
        assert_identity_at_init(nn.Linear(6, 3), torch.randn(4, 6))


def test_every_parameter_matters_opens_gates_at_zero_first() -> None:
    assert_every_parameter_matters(Gated(), torch.randn(4, 6))
    with pytest.raises(AssertionError, match=r"no gradient after 0 step\(s\) at linear.weight"):
        assert_every_parameter_matters(Gated(), torch.randn(4, 6), num_steps=0)


@pytest.mark.parametrize("fault", ["discarded", "forward only"])
def test_every_parameter_matters_names_a_matrix_without_a_gradient(fault: str) -> None:
    with pytest.raises(AssertionError, match="no gradient after .* at mixing"):
        assert_every_parameter_matters(Gated(fault=fault), torch.randn(4, 6))


def test_every_parameter_matters_names_a_matrix_without_an_effect() -> None:
    with pytest.raises(AssertionError, match="stays the same whatever stands at mixing"):
        assert_every_parameter_matters(Gated(fault="gradient only"), torch.randn(4, 6))


def test_every_parameter_matters_ignores_what_it_is_told() -> None:
    block = Gated(fault="discarded")
    assert_every_parameter_matters(block, torch.randn(4, 6), ignore=["mix*"])
    with pytest.raises(AssertionError, match="no parameters to watch"):
        assert_every_parameter_matters(block, torch.randn(4, 6), ignore=["*"])


def test_every_parameter_matters_is_not_misled_by_a_gate_that_a_step_leads_to_zero() -> None:
    """A first step of 0.01 takes this gate from 0.01 to zero, or from -0.01."""
    x = torch.randn(4, 6)
    for start in (0.01, -0.01):
        assert_every_parameter_matters(Gated(start=start), x)


class Packed(nn.Module):
    """Two gains in one parameter, the second of which is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        first, _ = self.gains.unbind()
        return x + first * x.tanh()


def test_every_parameter_matters_looks_into_packed_parameters_if_told() -> None:
    x = torch.randn(4, 6)
    assert_every_parameter_matters(Packed(), x)
    with pytest.raises(AssertionError, match=r"no gradient after 1 step.s. at gains\[1\]"):
        assert_every_parameter_matters(Packed(), x, packed=["gain*"])


def test_identity_at_init_takes_an_expected_tensor_with_a_gradient() -> None:
    x = torch.randn(4, 6)
    norm = nn.LayerNorm(6)
    assert_identity_at_init(norm, x, expected=norm(x))


class Dropped(nn.Module):
    """x + b / q x, where b is 1 with probability 0.7; right for q = 0.7."""

    def __init__(self, divisor: float) -> None:
        super().__init__()
        self.divisor = divisor

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x + x
        return x + x * torch.bernoulli(torch.full((len(x), 1), 0.7)) / self.divisor


def test_expectation_preserved_passes_the_right_divisor_and_fails_others() -> None:
    x = torch.randn(16, 3)
    assert_expectation_preserved(Dropped(0.7), x)
    for wrong in (1.0, 0.75, 0.66):
        with pytest.raises(AssertionError, match="the mean in train mode is off from eval mode"):
            assert_expectation_preserved(Dropped(wrong), x)


def test_expectation_preserved_holds_exactly_where_nothing_is_random() -> None:
    x = torch.randn(16, 3)
    assert_expectation_preserved(nn.Linear(3, 3), x, num_samples=20)
    with pytest.raises(AssertionError, match="off from eval mode"):
        assert_expectation_preserved(nn.BatchNorm1d(3), x, num_samples=20)


def test_trainable_passes_a_gate_and_fails_a_detached_or_a_frozen_one() -> None:
    x = torch.randn(8, 6)
    assert_trainable(Gated(), x)
    assert_trainable(Gated(start=1.0), x)
    frozen = Gated()
    frozen.mixing.requires_grad_(False)
    frozen.alpha.requires_grad_(False)
    with pytest.raises(AssertionError, match="Gated does not train"):
        assert_trainable(frozen, x)
    with pytest.raises(AssertionError, match="no parameter that requires a gradient"):
        assert_trainable(frozen.requires_grad_(False), x)


def plain(depth: int, *, scale: float) -> nn.Module:
    """depth linear blocks x + scale W x."""

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(16, 16, bias=False) for _ in range(depth))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = x + scale * layer(x)
            return x

    return Stack()


def test_update_bounded_in_depth_passes_scaled_branches_and_fails_plain_ones() -> None:
    inputs = (torch.randn(8, 16),)
    updates = assert_update_bounded_in_depth(
        lambda depth: plain(depth, scale=depth**-0.5), [1, 4, 16, 64], 1.5, inputs=inputs
    )
    assert len(updates) == 4
    with pytest.raises(AssertionError, match="depends on depth"):
        assert_update_bounded_in_depth(
            lambda depth: plain(depth, scale=0.5), [1, 4, 16], 1.5, inputs=inputs
        )


def test_update_bounded_in_depth_refuses_nets_that_do_not_move() -> None:
    with pytest.raises(AssertionError, match="zero or not finite"):
        assert_update_bounded_in_depth(
            lambda depth: plain(depth, scale=0.0), [1, 4], 1.5, inputs=(torch.randn(8, 16),)
        )
    with pytest.raises(AssertionError, match="two depths or more"):
        assert_update_bounded_in_depth(
            lambda depth: plain(depth, scale=0.0), [4], 1.5, inputs=(torch.randn(8, 16),)
        )


def test_a_net_that_hears_nothing_of_its_input_is_not_trainable() -> None:
    torch.manual_seed(0)
    layers = [m for _ in range(30) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    with pytest.raises(AssertionError, match="does not train"):
        assert_trainable(nn.Sequential(*layers), torch.randn(16, 16))
