from __future__ import annotations

import pytest
import torch
from torch import nn

from plusone.labs.base import Arm, RunConfig, run_lab
from plusone.labs.degradation.lab import CONSTRUCTED, measure
from plusone.labs.degradation.nets import Kind, deepened, net_of, settle
from plusone.labs.training import TrainConfig, train


def trained(kind: Kind) -> tuple[nn.Module, torch.Tensor]:
    """A shallow plain net after a few steps, and its inputs, in float64."""
    torch.manual_seed(0)
    shape = (80, 64) if kind == "mlp" else (80, 3, 8, 8)
    x, y = torch.randn(shape), torch.randint(10, (80,))
    net = net_of(kind, 2, skips=False)
    train(net, x, y, TrainConfig(steps=5, learning_rate=0.05, batch=16))
    return net.double().eval(), x.double()


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_a_net_deepened_by_identity_layers_computes_the_same(kind: Kind) -> None:
    shallow, x = trained(kind)
    kept = {name: value.clone() for name, value in shallow.state_dict().items()}
    deep = deepened(kind, shallow, 6, x)
    torch.testing.assert_close(deep(x), shallow(x), rtol=1e-11, atol=1e-11)
    assert all(torch.equal(value, kept[name]) for name, value in shallow.state_dict().items())


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_a_deepened_net_is_of_the_plain_architecture_of_its_depth(kind: Kind) -> None:
    shallow, x = trained(kind)
    deep = deepened(kind, shallow, 6, x)
    other = net_of(kind, 6, skips=False)
    shapes = [(name, tuple(value.shape)) for name, value in deep.state_dict().items()]
    assert shapes == [(name, tuple(value.shape)) for name, value in other.state_dict().items()]
    other.double().load_state_dict(deep.state_dict())
    torch.testing.assert_close(other.eval()(x), deep(x), rtol=0, atol=0)


def test_identity_layers_hold_on_all_data_only() -> None:
    shallow, x = trained("mlp")
    deep = deepened("mlp", shallow, 6, x)
    assert not torch.allclose(deep(1e3 * x), shallow(1e3 * x))  # beyond the shift c


def test_a_settled_net_normalises_by_all_its_inputs() -> None:
    torch.manual_seed(0)
    net = net_of("mlp", 2, skips=True)
    x = 3 + torch.randn(500, 64)
    settle(net, x)
    norm = net.get_submodule("blocks.0.pre_norm")
    assert isinstance(norm, nn.BatchNorm1d)
    stream = net.get_submodule("stem")(x)
    torch.testing.assert_close(norm.running_mean, stream.mean(0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.running_var, stream.var(0), rtol=1e-4, atol=1e-4)
    assert norm.momentum == 0.1
    assert not net.training


def run(form: str, blocks: int, **more: int) -> dict[str, object]:
    name = CONSTRUCTED if more else form
    options = {"kind": "mlp", "steps": 30, "batch": 64, "form": form, "blocks": blocks, **more}
    return dict(measure(Arm(name=name, options=options), 0))


def test_a_deep_plain_net_degrades_where_a_residual_and_a_constructed_one_do_not() -> None:
    shallow, plain, residual = run("plain", 1), run("plain", 12), run("residual", 12)
    assert plain["error"] > shallow["error"] + 0.1
    assert residual["error"] < shallow["error"] + 0.1
    constructed = run("plain", 1, deep=12)
    assert constructed["deepened"] == constructed["error"]
    assert constructed["logits"] < 1e-9
    assert constructed["trained on"] < plain["error"] - 0.1


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_finds_degradation_without_skips_alone(tmp_path) -> None:
    found = run_lab("degradation", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["plain-gap"] > 0.1
    assert mean["residual-gap"] < 0.05
    assert mean["identity-error"] == 0
    assert mean["constructed"] < -0.1
