"""What all reference models do: shapes, gradients, copies, other precisions, a step of training."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from nn.models.small import SMALL


def _made(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    build, inputs, _ = SMALL[name]
    return build(), inputs()


def _as(dtype: torch.dtype, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)


@pytest.mark.parametrize("name", SMALL)
def test_the_output_has_its_shape_in_train_and_in_eval_mode(name: str) -> None:
    model, inputs = _made(name)
    for mode in (True, False):
        output = model.train(mode)(*inputs)
        assert tuple(output.shape) == SMALL[name][2]
        assert output.dtype == torch.float32
        assert bool(output.isfinite().all())


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_of_training_reach_every_parameter_and_lower_the_loss(name: str) -> None:
    model, inputs = _made(name)
    target = torch.randn(SMALL[name][2])
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    model.train()
    losses = []
    for _ in range(12):
        torch.manual_seed(1)  # the same dropout in each step
        optimiser.zero_grad()
        loss = (model(*inputs) - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    still = [n for n, p in model.named_parameters() if torch.equal(p, before[n])]
    assert not still


@pytest.mark.parametrize("name", SMALL)
def test_a_copy_and_a_loaded_state_give_the_same_output(name: str) -> None:
    model, inputs = _made(name)
    model.eval()
    output = model(*inputs)
    assert torch.equal(copy.deepcopy(model)(*inputs), output)
    other = SMALL[name][0]().eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(*inputs), output)


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_in_bfloat16_near_its_float64(name: str) -> None:
    model, inputs = _made(name)
    model.eval()
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(*_as(torch.float64, inputs))
        rough = copy.deepcopy(model).bfloat16()(*_as(torch.bfloat16, inputs))
    assert rough.dtype == torch.bfloat16
    error = (rough.double() - exact).square().mean().sqrt()
    assert float(error) < 0.05 * float(exact.square().mean().sqrt()) + 1e-3


@pytest.mark.parametrize("name", SMALL)
def test_its_gradient_is_that_of_finite_differences(name: str) -> None:
    """Along a random direction of all parameters, float64, one-sided kinks left out by the step."""
    model, inputs = _made(name)
    model.double().eval()
    inputs = _as(torch.float64, inputs)
    with torch.no_grad():
        for parameter in model.parameters():  # away from starts of exactly zero
            parameter.add_(0.1 * torch.randn_like(parameter))
    directions = [torch.randn_like(p) for p in model.parameters()]
    weights = torch.randn(SMALL[name][2], dtype=torch.float64)

    def value(step: float) -> Tensor:
        with torch.no_grad():
            for parameter, direction in zip(model.parameters(), directions, strict=True):
                parameter.add_(direction, alpha=step)
            found = (model(*inputs) * weights).sum()
            for parameter, direction in zip(model.parameters(), directions, strict=True):
                parameter.sub_(direction, alpha=step)
        return found

    gradients = torch.autograd.grad((model(*inputs) * weights).sum(), list(model.parameters()))
    slope = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    step = 1e-7
    numerical = float(value(step) - value(-step)) / (2 * step)
    size = sum(float(g.norm() * d.norm()) for g, d in zip(gradients, directions, strict=True))
    assert abs(slope - numerical) < 1e-5 * size
