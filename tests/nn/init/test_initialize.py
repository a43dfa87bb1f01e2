"""What all methods share: bad arguments, shared weights, models without branches, the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from nn.init.measure import HandWritten, is_unchanged, stack, state
from nn.nets import mlp
from plusone.errors import CaptureError, InputError, TargetError
from plusone.nn import Concatenation, DeepNormCoefficients, Residual, initialize_
from plusone.nn.init.initialize import Method

METHODS = get_args(Method)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("xavier", {}, "method is 'xavier'; it must be one of fixup, deepnorm, zero_last, rezero"),
        ("fixup", {"unscaled": ["q"]}, "coefficients and unscaled are deepnorm's; fixup has no"),
        (
            "gpt2",
            {"coefficients": DeepNormCoefficients.of_branches(2)},
            "coefficients and unscaled are deepnorm's; gpt2",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    method: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        initialize_(stack(2), method, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_a_model_without_branches_is_refused(method: str) -> None:
    plain = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    before = state(plain)
    with pytest.raises(
        InputError, match="found no plusone.nn.Residual in Sequential; give inputs="
    ):
        initialize_(plain, method)
    with pytest.raises(InputError, match="no residual branch with weights in Sequential"):
        initialize_(plain, method, inputs=torch.randn(2, 8))
    with pytest.raises(InputError, match="no residual branch with weights in Residual"):
        initialize_(Residual(nn.Tanh()), method)
    assert is_unchanged(plain, before)


def test_no_model_and_inputs_that_do_not_run_say_so() -> None:
    with pytest.raises(TargetError, match="not a model"):
        initialize_(nn.Linear, "fixup")  # type: ignore[arg-type]
    net = stack(2)
    before = state(net)
    with pytest.raises(CaptureError):
        initialize_(net, "fixup", inputs=torch.randn(2, 7))
    assert is_unchanged(net, before)


def again(block: nn.Module) -> nn.Module:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.block(self.block(x))
            return out

    return Again()


def one_branch_in_two_blocks() -> nn.Module:
    branch = mlp(8, 2)
    return nn.Sequential(Residual(branch), Residual(branch))


def one_layer_twice_in_a_branch() -> nn.Module:
    layer = nn.Linear(8, 8)
    return nn.Sequential(Residual(nn.Sequential(layer, nn.ReLU(), layer)))


@pytest.mark.parametrize("method", ["fixup", "gpt2"])
@pytest.mark.parametrize("has_inputs", [False, True])
@pytest.mark.parametrize("build", [one_branch_in_two_blocks, one_layer_twice_in_a_branch])
def test_weights_that_run_twice_are_refused(method: str, has_inputs: bool, build: object) -> None:
    assert callable(build)
    net = build()
    before = state(net)
    with pytest.raises(InputError, match="weights of their own, and these run more than once: .*0"):
        initialize_(net, method, inputs=torch.randn(2, 8) if has_inputs else None)
    assert is_unchanged(net, before)


@pytest.mark.parametrize(
    "build", [lambda: Residual(mlp(8, 2)), lambda: HandWritten(8, lambda _: mlp(8, 2))]
)
def test_a_block_called_in_a_loop_is_refused_where_inputs_show_it(build: object) -> None:
    assert callable(build)
    with pytest.raises(InputError, match=r"these run more than once: block"):
        initialize_(again(build()), "fixup", inputs=torch.randn(2, 8))


def test_a_second_name_is_no_second_run_if_inputs_tell() -> None:
    net = stack(2)
    net.last = net[1].branch[2]  # the same module under another name
    net.forward = lambda x: net[2](net[1](net[0](x)))
    with pytest.raises(InputError, match="If they only have two names, give inputs="):
        initialize_(net, "fixup")
    assert initialize_(net, "fixup", inputs=torch.randn(2, 32)).num_branches == 2


def test_a_residual_in_a_branch_is_a_branch_of_its_own() -> None:
    inner = Residual(mlp(8, 2))
    net = Residual(nn.Sequential(nn.Linear(8, 8), inner, nn.Linear(8, 8)))
    report = initialize_(net, "fixup", generator=torch.Generator().manual_seed(0))
    assert report.num_branches == 2
    assert {t.name for t in report.touched if t.name.endswith("weight") and not t.factor} == {
        "branch.2.weight",
        "branch.1.branch.2.weight",
    }


def test_concatenated_blocks_are_no_sums() -> None:
    net = nn.Sequential(Residual(nn.Linear(8, 8)), Residual(mlp(8, 2), skip=Concatenation(-1)))
    assert initialize_(net, "zero_last").num_branches == 1


def test_the_report_lists_each_tensor_with_its_draw_and_factor() -> None:
    text = str(initialize_(stack(4), "fixup"))
    assert text.splitlines()[0] == (
        "fixup: 4 residual branches, layers in the order registered, 18 tensors set"
    )
    assert "  0.branch.0.weight  He normal x 0.5" in text
    assert "  4.weight           zero x 0" in text


def test_the_model_is_only_looked_at_while_its_branches_are_found() -> None:
    net = stack(2).train()
    branch = net[0].branch
    branch.add_module("drop", nn.Dropout(0.5))
    random = torch.get_rng_state()
    initialize_(net, "zero_last", inputs=torch.randn(2, 32, generator=torch.Generator()))
    assert net.training
    assert torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


class AddsItsInput(nn.Module):
    """A branch that is not zero with its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = mlp(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(x)
        return out


class Ends(nn.Module):
    """An activation that is no module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = mlp(8, 2)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.inner(x))


@pytest.mark.parametrize("method", ["fixup", "zero_last"])
@pytest.mark.parametrize(
    ("branch", "message"),
    [
        (AddsItsInput(), "the branch of 1 is not zero even so: what follows it gives something"),
        (Ends(torch.sigmoid), "the branch of 1 is not zero even so"),
        (Ends(torch.relu), "in 1 that layer gets no gradient"),
    ],
)
def test_what_stands_behind_the_last_layer_is_seen_by_running_it(
    method: str, branch: nn.Module, message: str
) -> None:
    net = nn.Sequential(Residual(mlp(8, 2)), Residual(branch), nn.Linear(8, 3))
    before, random = state(net), torch.get_rng_state()
    with pytest.raises(InputError, match=message):
        initialize_(net, method, inputs=torch.randn(4, 8, generator=torch.Generator()))
    assert is_unchanged(net, before)
    assert not any(m._forward_hooks for m in net.modules())
    assert method == "fixup" or torch.equal(random, torch.get_rng_state())


@pytest.mark.parametrize("method", ["fixup", "zero_last"])
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6(), nn.Sigmoid(), nn.Softmax(-1)])
@pytest.mark.parametrize("way", ["registered", "called", "traced"])
def test_a_branch_that_ends_in_what_is_flat_or_not_zero_at_zero_is_refused(
    method: str, activation: nn.Module, way: str
) -> None:
    """Behind a layer of zeros a ReLU has no gradient: the block would stay its skip for good."""
    branch = nn.Sequential(mlp(8, 2), activation)
    net: nn.Module = nn.Sequential(HandWritten(8, lambda _: branch))
    if way != "traced":
        net = nn.Sequential(Residual(branch))
    before = state(net)
    message = "zero_last: no layer of 0 is known to make" if method == "zero_last" else "the end of"
    with pytest.raises(InputError, match=message):
        initialize_(net, method, inputs=None if way == "registered" else torch.randn(2, 8))
    assert is_unchanged(net, before)


def test_a_generator_of_another_kind_fails_before_skips_are_scaled() -> None:
    net = Residual(mlp(8, 2), norm=nn.LayerNorm(8), placement="post")
    with pytest.raises((TypeError, RuntimeError)):
        initialize_(net, "deepnorm", generator="seed")  # type: ignore[arg-type]
    assert net.join is None
