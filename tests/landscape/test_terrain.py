"""The loss as a function: the model left as found, what is refused, modes and randomness."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from capture.fingerprint import differences, fingerprint
from capture.interrupt import Countdown
from landscape.nets import CASES, attention, mlp, residual_conv
from plusone.errors import CaptureError, InputError, PlusoneError
from plusone.landscape import (
    EigenConfig,
    GridConfig,
    Terrain,
    line,
    random_direction,
    surface,
    terrain,
    top_eigenvalues,
)


def everything(here: Terrain) -> None:
    """Each thing that a landscape does to a model."""
    directions = [random_direction(here, generator=torch.Generator()) for _ in range(2)]
    with here.hessian() as H:
        top_eigenvalues(H, config=EigenConfig(tol=1.0))
        surface(here, (directions[0], directions[1]), config=GridConfig(points=3, batched=True))
        line(here, directions[0], config=GridConfig(points=3))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_training", [True, False])
def test_the_model_is_bitwise_as_found(name: str, is_training: bool) -> None:
    case = CASES[name](torch.float32)
    case.model.train(is_training)
    case.loss_fn(case.model(case.x), case.y).backward()
    before = fingerprint(case.model)
    with terrain(*case.batch) as here:
        everything(here)
    assert not differences(before, fingerprint(case.model))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_model_is_bitwise_as_found_after_an_exception(error: type[BaseException]) -> None:
    case = residual_conv(torch.float32)
    with Countdown() as whole, terrain(*case.batch) as here:
        everything(here)
    num_reached = 0
    for at in range(1, whole.count, whole.count // 7):
        case.model.train(at % 2 == 0)
        before = fingerprint(case.model)
        with (
            Countdown(at, error) as counter,
            contextlib.suppress(error, PlusoneError),
            terrain(*case.batch) as here,
        ):
            everything(here)
        num_reached += counter.count >= at
        assert not differences(before, fingerprint(case.model)), at
    assert num_reached > 5


def test_batch_norms_use_the_batch_and_write_nothing() -> None:
    case = residual_conv()
    expected = case.loss_fn(case.model.train()(case.x), case.y)
    case.model.eval()
    with terrain(*case.batch) as here:
        assert here.value() == pytest.approx(float(expected.detach()), rel=1e-14)
        assert here.statistics == "eval mode, batch norms with the statistics of the batch"
    with terrain(*case.batch, statistics="running") as here:
        assert here.value() != pytest.approx(float(expected.detach()), rel=1e-3)


def test_dropout_is_off() -> None:
    case = mlp()
    model = nn.Sequential(case.model, nn.Dropout(0.5)).train()
    with terrain(model, case.x, case.y, case.loss_fn) as here, terrain(*case.batch) as plain:
        assert here.value() == plain.value()


def test_noise_that_the_model_draws_is_the_same_at_each_point() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x + torch.randn_like(x)).square().mean()

    with terrain(Noisy(), torch.randn(5, 3)) as here:
        assert here.value() == here.value()
        with here.hessian() as H:
            assert H.loss == here.value()


def test_the_loss_may_be_the_models_own() -> None:
    class Own(nn.Module):
        def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)
            self.wrap = wrap

        def forward(self, x: Tensor) -> Any:
            return self.wrap(self.layer(x).square().mean())

    torch.manual_seed(0)
    x = torch.randn(4, 3)
    values = []
    for wrap in (lambda loss: {"loss": loss}, lambda loss: loss):
        torch.manual_seed(1)
        with terrain(Own(wrap), x) as here:
            values.append(here.value())
    assert values[0] == values[1]


def test_attention_runs_without_its_fused_kernels() -> None:
    with terrain(*attention().batch) as here, here.hessian() as H:
        assert (H @ torch.ones(H.size, dtype=torch.float64)).norm() > 0


def frozen() -> nn.Module:
    return nn.Linear(3, 2).requires_grad_(False)


class Raises(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("no  such thing.")


@pytest.mark.parametrize(
    ("model", "loss_fn", "error", "message"),
    [
        (nn.ReLU(), torch.sum, InputError, "ReLU has no parameters, so its loss has no landscape"),
        (frozen(), torch.sum, InputError, "all 2 parameters of Linear are frozen"),
        (nn.Linear(3, 2), None, InputError, "Linear comes without a loss.*give targets and loss"),
        (nn.Linear(3, 2), torch.relu, InputError, "must be one number, but it returned the shape"),
        (nn.Linear(3, 2), lambda y: y.sum().detach(), InputError, "has no gradient: it detaches"),
        (nn.Linear(3, 2, device="meta"), torch.sum, InputError, "meta device"),
        (Raises(), torch.sum, CaptureError, "forward of Raises raised ValueError: no such thing."),
    ],
)
def test_what_has_no_landscape_is_one_sentence(
    model: nn.Module, loss_fn: Any, error: type[Exception], message: str
) -> None:
    device = "meta" if any(p.is_meta for p in model.parameters()) else "cpu"
    with (
        pytest.raises(error, match=message),
        terrain(model, torch.randn(4, 3, device=device), loss_fn=loss_fn) as here,
    ):
        here.hessian()


def test_targets_without_a_loss_are_refused_as_by_scan() -> None:
    with (
        pytest.raises(InputError, match="comes with targets but without a loss"),
        terrain(nn.Linear(3, 2), torch.randn(4, 3), torch.zeros(4)),
    ):
        pass


def test_batch_statistics_of_one_sample_say_what_to_do() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    with (
        pytest.raises(CaptureError, match="Batch statistics need a batch of 2 or more"),
        terrain(model, torch.randn(1, 3), loss_fn=torch.sum) as here,
    ):
        here.value()


def test_inputs_that_the_model_writes_into_are_the_same_at_each_point() -> None:
    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return F.mse_loss(self.layer(x.mul_(2)), torch.zeros(4, 1))

    x = torch.randn(4, 3)
    kept = x.clone()
    with terrain(Writes(), x) as here:
        assert here.value() == here.value()
    assert torch.equal(x, kept)
