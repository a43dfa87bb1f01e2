"""Layers with second derivatives of our own, against torch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plusone.landscape.cheap_layers import cheap_second_derivatives
from plusone.landscape.settled import settle


def norm(is_training: bool) -> nn.Module:
    layer = nn.BatchNorm2d(3)
    for _ in range(3):
        layer(2 * torch.randn(4, 3, 5, 5) + 1)
    nn.init.normal_(layer.weight)
    layer.train(is_training)
    layer.track_running_stats = not is_training
    return layer


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "norm of the batch": (lambda: norm(True), (4, 3, 5, 5)),
    "norm of fixed statistics": (lambda: norm(False), (4, 3, 5, 5)),
    "convolution": (lambda: nn.Conv2d(3, 6, 3, padding=1), (2, 3, 5, 5)),
    "strided": (lambda: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), bias=False), (2, 3, 6, 5)),
    "grouped": (lambda: nn.Conv2d(4, 8, 3, groups=2, padding=2, dilation=2), (2, 4, 5, 5)),
    "depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), (2, 4, 5, 5)),
    "one axis": (lambda: nn.Conv1d(2, 3, 3, stride=2), (2, 2, 9)),
    "three axes": (lambda: nn.Conv3d(2, 2, 2), (1, 2, 3, 3, 3)),
}


def derivatives(layer: nn.Module, x: Tensor, *, cheap: bool) -> list[Tensor | None]:
    """The output, the first derivatives, and the second ones along random directions."""
    torch.manual_seed(7)
    x = x.clone().requires_grad_()
    leaves = [x, *layer.parameters()]
    if cheap:
        with cheap_second_derivatives(layer):
            y = layer(x)
        assert "_NormBackward" in str(y.grad_fn) or "_ConvolutionBackward" in str(y.grad_fn)
    else:
        y = layer(x)
    g = torch.randn_like(y).requires_grad_()
    first = torch.autograd.grad(y, leaves, g, create_graph=True)
    v = [torch.randn_like(f) for f in first]
    second = torch.autograd.grad(first, [*leaves, g], v, allow_unused=True)
    zeros = [
        torch.zeros_like(t) if s is None else s for s, t in zip(second, [*leaves, g], strict=True)
    ]
    return [y, *first, *zeros]


@pytest.mark.parametrize("name", LAYERS)
def test_every_derivative_is_torchs(name: str) -> None:
    torch.manual_seed(0)
    make, shape = LAYERS[name]
    layer = make().double()
    if not isinstance(layer, nn.BatchNorm2d):
        layer.eval()
    x = torch.randn(shape, dtype=torch.float64)
    expected, found = (derivatives(layer, x, cheap=cheap) for cheap in (False, True))
    assert torch.equal(expected[0], found[0])
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives_are_those_of_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    make, shape = LAYERS[name]
    layer = make().double()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    with cheap_second_derivatives(layer):
        assert torch.autograd.gradgradcheck(layer, (x,), atol=1e-4)


def test_the_context_leaves_no_trace() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    settle(model, "batch")
    with cheap_second_derivatives(model):
        assert all("forward" in module.__dict__ for module in model)
    assert not any("forward" in module.__dict__ for module in model)


def test_what_is_not_a_plain_layer_is_left_to_torch() -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 1

    reflecting = nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")
    others = [
        Own(2),
        nn.BatchNorm2d(2, affine=False),
        reflecting,
        nn.Conv2d(1, 1, 3, padding="same"),
    ]
    model = nn.Sequential(*others, nn.ConvTranspose2d(1, 1, 2))
    with cheap_second_derivatives(model):
        assert not any("forward" in module.__dict__ for module in model)


def test_half_precision_and_single_images_are_left_to_torch() -> None:
    layer = nn.Conv2d(1, 2, 3)
    with cheap_second_derivatives(layer):
        assert "_ConvolutionBackward" not in str(layer(torch.randn(1, 5, 5)).grad_fn)
        half = layer.bfloat16()
        y = half(torch.randn(1, 1, 5, 5, dtype=torch.bfloat16))
        assert "_ConvolutionBackward" not in str(y.grad_fn)
