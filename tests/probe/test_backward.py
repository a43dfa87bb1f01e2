"""Backward passes: from a loss, the model's own, or random cotangents; and what has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.probe.backward import Backward
from plusone.probe.edges import EdgeFinder
from plusone.probe.gradient import gradient_profile, random_cotangents
from probe.recorded import Function, linear

Loss = Callable[..., Tensor]


def gradients(
    model: nn.Module,
    x: Tensor,
    *,
    loss_fn: Loss | None = None,
    targets: Tensor | None = None,
    repeats: int = 1,
    seed: int = 0,
) -> dict[str, Tensor | None]:
    with sandbox(model) as box:
        recording = record(model, (x,), {}, box=box)
        backward = Backward(recording, model, targets=targets, loss_fn=loss_fn)
        return backward.run(repeats=repeats, generator=torch.Generator().manual_seed(seed))


def net() -> nn.Sequential:
    return nn.Sequential(linear(5), nn.Tanh(), linear(5, 3))


def test_a_loss_gives_the_gradients_that_training_would_see() -> None:
    model, x = net(), torch.randn(4, 5, dtype=torch.float64)
    targets = torch.tensor([0, 2, 1, 1])
    found = gradients(model, x, loss_fn=F.cross_entropy, targets=targets)
    loss = F.cross_entropy(model(x), targets)
    for (name, parameter), gradient in zip(
        model.named_parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True
    ):
        torch.testing.assert_close(found[name], gradient)
        assert parameter.grad is None


def test_a_loss_without_targets_gets_the_output_alone() -> None:
    model, x = net(), torch.randn(4, 5, dtype=torch.float64)
    found = gradients(model, x, loss_fn=lambda y: y.square().sum(), repeats=5)
    expected = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    torch.testing.assert_close(found["2.bias"], expected[3])


def test_without_a_loss_the_gradient_is_that_of_a_random_cotangent() -> None:
    model, x = net(), torch.randn(4, 5, dtype=torch.float64)
    y = model(x)
    cotangent = torch.randn(4, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    expected = torch.autograd.grad(y, list(model.parameters()), cotangent)
    found = gradients(model, x, seed=7)
    for gradient, exact in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(gradient, exact)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64], ids=str
)
def test_cotangents_have_zero_mean_and_unit_variance(dtype: torch.dtype) -> None:
    first, second = random_cotangents(
        [torch.zeros(200, 200, dtype=dtype), torch.zeros(3, dtype=dtype)],
        torch.Generator().manual_seed(0),
    )
    assert first.dtype == second.dtype == dtype
    wide = first.to(torch.complex128)
    # Standard errors over 40,000 numbers: 0.005 of the mean and 0.007 of the variance.
    assert abs(complex(wide.mean())) <= 0.02
    assert float(wide.abs().square().mean()) == pytest.approx(1.0, abs=0.028)
    assert not torch.equal(first.flatten()[:3], second)


def test_cotangents_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    outputs = [torch.zeros(5)]
    one, again, other = (
        random_cotangents(outputs, torch.Generator().manual_seed(s))[0] for s in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_of_several_passes_each_sample_has_its_mean() -> None:
    model, x = net(), torch.randn(4, 5, dtype=torch.float64)
    with sandbox(model) as box:
        recording = record(model, (x,), {}, box=box)
        backward = Backward(recording, model, targets=None, loss_fn=None)
        value = recording.trace.outputs[0]
        profile = gradient_profile(
            EdgeFinder(recording, backward.roots),
            [value, value],
            recording.trace.batch,
            lambda: backward.run(repeats=3, generator=torch.Generator().manual_seed(0)),
        )
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(3)]
    torch.testing.assert_close(profile.at[value], torch.stack(drawn).square().mean((0, 2)))


def test_a_frozen_net_passes_its_gradient_on_all_the_same() -> None:
    model, x = net().requires_grad_(False), torch.randn(4, 5, dtype=torch.float64)
    with sandbox(model) as box:
        recording = record(model, (x,), {}, box=box)
        backward = Backward(recording, model, targets=None, loss_fn=None)
        profile = gradient_profile(
            EdgeFinder(recording, backward.roots),
            [(recording.trace.inputs[0], 0)],
            recording.trace.batch,
            lambda: backward.run(repeats=1, generator=torch.Generator().manual_seed(3)),
        )
    z = x.clone().requires_grad_()
    cotangent = torch.randn(4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (exact,) = torch.autograd.grad(model(z), z, cotangent)
    torch.testing.assert_close(profile.at[recording.trace.inputs[0], 0], exact.square().mean(1))
    assert profile.parameters == {}


def test_a_parameter_that_no_output_reads_has_no_gradient() -> None:
    unused = linear(5)
    model = Function(net(), unused)
    found = gradients(Function(lambda x: model.function(x), model), torch.randn(2, 5).double())
    assert found["parts.0.parts.0.weight"] is None


def test_the_gradient_of_a_sparse_table_is_read_as_a_dense_one() -> None:
    tables = [nn.Embedding(6, 4, sparse=sparse).double() for sparse in (True, False)]
    tables[1].load_state_dict(tables[0].state_dict())
    sizes = []
    for table in tables:
        with sandbox(table) as box:
            recording = record(table, (torch.tensor([[1, 1, 4]]),), {}, box=box)
            backward = Backward(recording, table, targets=None, loss_fn=None)
            run = lambda b=backward: b.run(repeats=1, generator=torch.Generator())  # noqa: E731
            profile = gradient_profile(EdgeFinder(recording, backward.roots), [], None, run)
            sizes.append(profile.parameters["weight"])
    assert sizes[0] == pytest.approx(sizes[1])


def test_a_gradient_can_start_at_an_inner_value() -> None:
    model, x = net(), torch.randn(4, 5, dtype=torch.float64)
    with sandbox(model) as box:
        recording = record(model, (x,), {}, box=box)
        finder = EdgeFinder(recording, recording.outputs)
        names = [op.name for op in recording.trace.ops]
        edge = finder.edge((names.index("tanh"), 0))
        assert edge is not None
        backward = Backward(recording, model, targets=None, loss_fn=None)
        found = backward.run_from(edge, generator=torch.Generator().manual_seed(2))
    cotangent = torch.randn(4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    exact = torch.autograd.grad(torch.tanh(model[0](x)), model[0].weight, cotangent)[0]
    torch.testing.assert_close(found["0.weight"], exact)
    assert found["2.weight"] is None


def raises() -> Tensor:
    raise KeyError("label")


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        (lambda x: x.detach(), None, r"no output has a gradient \(dtypes: float64\)"),
        (lambda x: x.argmax(1), None, r"returned no tensor|dtypes: int64"),
        (lambda x: None, None, "returned None"),
        (lambda x: 3, None, r"no tensor \(a int\)"),
        (lambda x: x, lambda y: y, r"must be one number, but it returned the shape \(4, 5\)"),
        (lambda x: x, lambda y: float(y.detach().sum()), "the loss <lambda> returned a float"),
        (lambda x: x, lambda y: y.detach().sum(), "the loss <lambda> has no gradient"),
        (lambda x: x, lambda y: raises(), "the loss <lambda> raised KeyError: 'label'"),
    ],
)
def test_what_has_no_gradient_is_said_with_its_reason(
    model: Callable[[Tensor], object], loss: Loss | None, message: str
) -> None:
    layer = linear(5)
    with pytest.raises(InputError, match=message):
        gradients(
            Function(lambda x: model(layer(x)), layer),  # type: ignore[arg-type, return-value]
            torch.randn(4, 5, dtype=torch.float64),
            loss_fn=loss,
        )
