"""ReZero and SkipInit for a whole model: identity bit by bit, alpha first, then the branch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nn.init.measure import HandWritten, is_unchanged, state
from nn.nets import mlp, transformer
from plusone.errors import InputError
from plusone.nn import LayerScale, Residual, ReZero, SkipInit, initialize_
from plusone.testing import assert_identity_at_init, assert_update_bounded_in_depth


@pytest.mark.parametrize(("method", "kind"), [("rezero", ReZero), ("skipinit", SkipInit)])
def test_a_net_of_200_blocks_is_the_identity_bit_by_bit(method: str, kind: type) -> None:
    net = transformer(16, 100)
    report = initialize_(net, method)
    assert report.num_branches == 200
    assert all(type(block.join) is kind for block in net)
    assert_identity_at_init(net, torch.randn(2, 5, 16))
    names = dict(net.named_parameters())
    assert {t.name for t in report.touched} == {n for n in names if n.endswith("join.alpha")}


@pytest.mark.parametrize("method", ["rezero", "skipinit"])
def test_first_only_alpha_has_a_gradient_and_then_all_do(method: str) -> None:
    net = nn.Sequential(*(Residual(mlp(8, 2)) for _ in range(3)))
    initialize_(net, method)
    x, target = torch.randn(16, 8), torch.randn(16, 8)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(2):
        optimiser.zero_grad()
        (net(x) - target).square().mean().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad.any() == (step == 1 or name.endswith("alpha")), (step, name)
        optimiser.step()


def test_an_alpha_that_is_there_goes_to_zero_and_stays_the_optimisers() -> None:
    net = nn.Sequential(Residual(mlp(8, 2), scale=SkipInit(0.3)), Residual(mlp(8, 2)))
    alpha = net[0].join.alpha
    initialize_(net, "skipinit")
    assert net[0].join.alpha is alpha
    assert_identity_at_init(net, torch.randn(2, 8))
    assert "start=0" in str(net[0])


def test_gates_have_the_type_of_their_branch() -> None:
    net = Residual(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8).double()))
    initialize_(net, "rezero")
    assert net.join.alpha.dtype == torch.float64
    assert net(torch.randn(2, 8).double()).dtype == torch.float64


def test_a_step_changes_the_output_by_a_size_that_grows_no_faster_than_depth() -> None:
    """Of each alpha's gradient <g, f(x)>, L add up: linear in depth, and never exponential."""

    def build(depth: int) -> nn.Module:
        net = nn.Sequential(*(Residual(mlp(16, 2)) for _ in range(depth)))
        initialize_(net, "rezero")
        return net

    x = (torch.randn(8, 16),)
    updates = assert_update_bounded_in_depth(build, [4, 16, 64], 20, inputs=x, rate=1e-4)
    assert updates[2] / updates[0] <= 16.5


@pytest.mark.parametrize("method", ["rezero", "skipinit"])
def test_other_scales_and_blocks_without_a_wrapper_are_refused(method: str) -> None:
    x = torch.randn(2, 8)
    scaled = nn.Sequential(Residual(mlp(8, 2)), Residual(mlp(8, 2), scale=LayerScale(8, start=1)))
    written = nn.Sequential(HandWritten(8, lambda width: mlp(width, 2)))
    for net, inputs, message in (
        (scaled, None, f"{method} sets the scale of 1, which has LayerScale"),
        (written, x, f"{method} needs blocks whose sum can be scaled, and 0 is no plusone"),
    ):
        before = state(net)
        with pytest.raises(InputError, match=message):
            initialize_(net, method, inputs=inputs)
        assert is_unchanged(net, before)
