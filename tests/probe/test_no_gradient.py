"""Where no gradient can be measured there is no verdict, and the reason says what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import plusone
from plusone.errors import InputError
from plusone.report import Report

WIDTH = 8
X = torch.randn(4, WIDTH)


class Blocks(nn.Module):
    """Residual blocks; `how` says how the forward goes wrong."""

    def __init__(self, how: str = "") -> None:
        super().__init__()
        self.how = how
        self.blocks = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            if self.how == "in place":
                x = x.clone()
                x += block(self.norm(x)).tanh()
            elif self.how == "checkpoint":
                x = checkpoint(lambda v, f=block: v + f(v).tanh(), x, use_reentrant=True)
            else:
                x = x + block(x).tanh()
        return x.detach() if self.how == "detached" else x


def scanned(net: nn.Module, *args: Any, **options: Any) -> Report:
    return plusone.scan(net, X, *args, quick=True, timed=False, **options)


def raises(y: Tensor, target: Tensor) -> Tensor:
    raise ZeroDivisionError("no samples")


LOSSES = {
    "raises": (raises, "the loss raises raised ZeroDivisionError: no samples"),
    "detached": (lambda y, t: (y - t).mean().detach(), "the loss <lambda> has no gradient"),
    "not one number": (lambda y, t: (y - t) ** 2, r"returned the shape \(4, 8\): take its mean"),
    "wrong shape": (lambda y, t: nn.functional.l1_loss(y, t[:, :3]), "raised RuntimeError"),
    "zero": (lambda y, t: (y * 0).sum(), "a gradient of exactly zero to the model's output"),
    "weights alone": (
        lambda y, t: NET.blocks[0].weight.square().sum(),
        "does not depend on what the model returned",
    ),
}
NET = Blocks()


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("case", LOSSES)
def test_a_loss_without_a_gradient_gives_no_verdict(case: str) -> None:
    loss, why = LOSSES[case]
    report = scanned(NET, X, loss)
    assert report.verdict is None
    (gap, *_) = report.not_measured
    with pytest.raises(ValueError, match=why):
        raise ValueError(gap.why)
    assert all(block.signal_rms.is_measured for block in report.blocks)
    assert gap.why in " ".join(report.to_text(width=1000).splitlines()[1].split())


FORWARDS = {
    "in place": r"writes in place into a value .*write x = x \+ f\(x\)",
    "checkpoint": "call it with use_reentrant=False",
    "detached": "detached or computed under no_grad",
}


@pytest.mark.parametrize("how", FORWARDS)
def test_a_forward_without_a_gradient_gives_no_verdict(how: str) -> None:
    report = scanned(Blocks(how))
    assert report.verdict is None
    with pytest.raises(ValueError, match=FORWARDS[how]):
        raise ValueError(report.not_measured[0].why)


def test_a_zero_head_is_no_fault_of_the_loss() -> None:
    net = nn.Sequential(Blocks(), nn.Linear(WIDTH, 3))
    nn.init.zeros_(net[1].weight)
    report = scanned(net, X[:, :3], nn.functional.mse_loss)
    assert report.verdict is not None
    assert "the head passes none" in report.provenance.loss


def test_a_signal_that_is_not_finite_is_unstable_without_a_gradient() -> None:
    net = Blocks("detached")
    nn.init.constant_(net.blocks[1].weight, float("nan"))
    report = scanned(net)
    assert report.verdict is not None
    assert report.verdict.label == "unstable"


class Copies(nn.Module):
    """A model whose output is made of numbers that left torch on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = Blocks(), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.b(torch.tensor(self.a(x).tolist()))
        return found


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (nn.Tanh(), "no layer with weights"),
        (nn.Identity(), "no layer with weights"),
        (Copies(), "the output does not depend on the input"),
    ],
    ids=["tanh", "identity", "copies"],
)
def test_without_blocks_it_is_said_why(net: nn.Module, why: str) -> None:
    report = scanned(net)
    assert report.verdict is None
    assert why in report.to_text(format="concise")


def test_a_model_on_the_meta_device_is_refused_with_the_way_out() -> None:
    with torch.device("meta"):
        net, x = Blocks(), torch.randn(4, WIDTH)
    with pytest.raises(InputError, match="on the meta device and has no values.*plusone map"):
        plusone.scan(net, x)
