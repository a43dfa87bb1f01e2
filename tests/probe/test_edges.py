"""The place of every recorded value in autograd's graph, against gradients taken by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import plusone
from plusone.probe.edges import EdgeFinder
from plusone.probe.gradient import gradient_profile
from probe.recorded import Function, linear, observed

LAYER = linear(6)


def plain(x: Tensor, note: Callable[[str, Tensor], Tensor]) -> Tensor:
    return note("tanh", torch.tanh(note("addmm", LAYER(x))))


def in_place(x: Tensor, note: Callable[[str, Tensor], Tensor]) -> Tensor:
    y = note("addmm", LAYER(x)).relu_()
    return note("add_", note("mul", 2 * y).add_(x))


def parts(x: Tensor, note: Callable[[str, Tensor], Tensor]) -> Tensor:
    first, second = LAYER(x).split(3, 1)
    return note("mul", torch.sigmoid(first) * note("exp", second.exp()))


def two_ways(x: Tensor, note: Callable[[str, Tensor], Tensor]) -> Tensor:
    y = note("tanh", torch.tanh(x))
    return note("add", y + LAYER(y))


def shared(x: Tensor, note: Callable[[str, Tensor], Tensor]) -> Tensor:
    return note("sin", torch.sin(LAYER(LAYER(x))))


FUNCTIONS = [plain, in_place, parts, two_ways, shared]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_gradient_read_at_a_value_is_the_gradient_there(
    function: Callable[[Tensor, Callable[[str, Tensor], Tensor]], Tensor],
) -> None:
    x = torch.randn(4, 6, dtype=torch.float64)
    kept: dict[str, Tensor] = {}

    def keep(name: str, tensor: Tensor) -> Tensor:
        # A clone on the way: what happens to the tensor in place does not touch it.
        tensor = tensor.clone()
        kept[name] = tensor
        return tensor.clone()

    z = x.clone().requires_grad_()
    y = function(z, keep)
    cotangent = torch.randn(y.shape, dtype=torch.float64)
    exact = dict(zip(kept, torch.autograd.grad(y, list(kept.values()), cotangent), strict=True))

    with observed(Function(lambda x: function(x, lambda _, t: t), LAYER), x) as seen:
        finder = EdgeFinder(seen.recording, seen.recording.outputs)
        ops = seen.recording.trace.ops
        values = {
            name: (max(i for i, op in enumerate(ops) if op.name == name), 0) for name in exact
        }

        def backward() -> dict[str, Tensor | None]:
            seen.recording.outputs[0].backward(cotangent, inputs=list(seen.recording.leaves))
            return {}

        profile = gradient_profile(finder, values.values(), seen.recording.trace.batch, backward)
    for name, gradient in exact.items():
        torch.testing.assert_close(profile.at[values[name]], gradient.square().mean(1))


def test_each_part_of_a_split_has_a_gradient_of_its_own() -> None:
    x = torch.randn(4, 6, dtype=torch.float64)

    def forward(x: Tensor) -> Tensor:
        first, second = LAYER(x).split(3, 1)
        return 2 * first + 5 * second.sin()

    with observed(Function(forward, LAYER), x) as seen:
        finder = EdgeFinder(seen.recording, seen.recording.outputs)
        values = [seen.value("split", out=k) for k in (0, 1)]
        ones = torch.ones(4, 3, dtype=torch.float64)

        def backward() -> dict[str, Tensor | None]:
            seen.recording.outputs[0].backward(ones, inputs=list(seen.recording.leaves))
            return {}

        profile = gradient_profile(finder, values, 4, backward)
    torch.testing.assert_close(profile.at[values[0]], torch.full((4,), 4.0).double())
    exact = (5 * LAYER(x)[:, 3:].cos()).square().mean(1).detach()
    torch.testing.assert_close(profile.at[values[1]], exact)


def test_what_autograd_does_not_see_has_no_place() -> None:
    def forward(x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = torch.sinh(x)
        largest = x.argmax(1, keepdim=True)
        return LAYER(x) + hidden + torch.ceil(largest.double() + 0.5) + x.detach().cosh()

    with observed(Function(forward, LAYER), torch.randn(4, 6, dtype=torch.float64)) as seen:
        finder = EdgeFinder(seen.recording, seen.recording.outputs)
        for name in ("sinh", "argmax", "ceil", "cosh"):
            assert finder.edge(seen.value(name)) is None, name
        assert finder.edge(seen.value("addmm")) is not None


def test_what_does_not_lead_to_a_root_has_no_place() -> None:
    def forward(x: Tensor) -> Tensor:
        torch.sinh(LAYER(x))
        return LAYER(x).tanh()

    with observed(Function(forward, LAYER), torch.randn(4, 6, dtype=torch.float64)) as seen:
        finder = EdgeFinder(seen.recording, seen.recording.outputs)
        assert finder.edge(seen.value("sinh")) is None
        assert finder.edge(seen.value("addmm", 0)) is None
        assert finder.edge(seen.value("addmm", 1)) is not None


def test_an_input_has_a_place_before_everything_that_reads_it() -> None:
    x = torch.randn(4, 6, dtype=torch.float64)
    with observed(Function(lambda x: x.mul_(3.0) + x, LAYER), x) as seen:
        finder = EdgeFinder(seen.recording, seen.recording.outputs)
        value = (seen.recording.trace.inputs[0], 0)

        def backward() -> dict[str, Tensor | None]:
            y = seen.recording.outputs[0]
            y.backward(torch.ones_like(y), inputs=list(seen.recording.leaves))
            return {}

        profile = gradient_profile(finder, [value], 4, backward)
    torch.testing.assert_close(profile.at[value], torch.full((4,), 36.0).double())


def test_a_backward_needs_no_inputs_where_weights_lie_below_every_value() -> None:
    first = linear(6)
    nets = {
        "a stem": (lambda x: LAYER(first(x).tanh()), "tanh", True),
        "no stem": (lambda x: LAYER(x.tanh()), "tanh", False),
        "weights that are detached": (lambda x: LAYER(x.sin() + first(x).detach()), "add", False),
        "a value that autograd does not see": (lambda x: LAYER(first(x).detach()), "mm", False),
    }
    for name, (forward, op, expected) in nets.items():
        model = Function(forward, LAYER, first)
        with observed(model, torch.randn(4, 6, dtype=torch.float64)) as seen:
            finder = EdgeFinder(seen.recording, seen.recording.outputs)
            value = seen.value("addmm" if op == "mm" else op)
            assert finder.lead_to(model.parameters(), [value]) is expected, name


def test_a_gradient_is_whole_without_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = linear(6), linear(6)

    def forward(x: Tensor) -> Tensor:
        x = first(x)
        for layer in (second, LAYER):
            x = x + layer(x).tanh() * x.mean(1, keepdim=True)
        return x

    model, x = Function(forward, first, second, LAYER), torch.randn(4, 6, dtype=torch.float64)
    quick = plusone.scan(model, x, quick=True)
    monkeypatch.setattr(EdgeFinder, "lead_to", lambda *_: False)
    slow = plusone.scan(model, x, quick=True)
    assert quick.blocks == slow.blocks
    assert quick.end_to_end == slow.end_to_end
