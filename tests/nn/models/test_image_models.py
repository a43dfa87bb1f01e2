"""MLP, ResNets, DenseNet and U-Net: the papers' counts, their skips, their twins, bad input."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.errors import InputError
from plusone.nn.models import MLP, DenseNet, PreActResNet, ResNet, UNet

SLOW = pytest.mark.slow


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def kinds(model: nn.Module, *inputs: Tensor) -> Counter[str]:
    """The kinds of skips that a scan finds, counted."""
    report = plusone.scan(model, inputs, quick=True)
    return Counter(skip.kind for skip in report.data.structure.skips)


@pytest.mark.parametrize(
    ("num_blocks", "millions"), [(3, "0.27"), (5, "0.46"), (7, "0.66"), (9, "0.85"), (18, "1.73")]
)
def test_resnets_have_the_papers_parameters_and_layers(num_blocks: int, millions: str) -> None:
    with torch.device("meta"):
        model = ResNet(num_blocks=num_blocks)
    assert f"{num_parameters(model) / 1e6:.2f}" == millions  # table 6: 1.7 for 110 layers
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 6 * num_blocks + 2


@pytest.mark.parametrize(
    ("num_blocks", "millions"), [(18, "1.7"), pytest.param(111, "10.3", marks=SLOW)]
)
def test_preactivation_bottlenecks_have_the_papers_parameters(
    num_blocks: int, millions: str
) -> None:
    """ResNet-164 and ResNet-1001, for which the paper prints 1.7 and 10.2 million."""
    with torch.device("meta"):
        model = PreActResNet(num_blocks=num_blocks, bottleneck=True, shortcut="projection")
    assert f"{num_parameters(model) / 1e6:.1f}" == millions
    weighted = [m for m in model.blocks.modules() if isinstance(m, nn.Conv2d)]
    assert len(weighted) == 9 * num_blocks + 3  # and a projection where each stage begins


@pytest.mark.parametrize(
    ("depth", "growth", "is_bc", "millions"),
    [
        (40, 12, False, "1.0"),
        (100, 12, False, "7.0"),
        (100, 24, False, "27.2"),
        (100, 12, True, "0.8"),
        (250, 24, True, "15.3"),
        pytest.param(190, 40, True, "25.6", marks=SLOW),
    ],
)
def test_densenets_have_the_papers_parameters(
    depth: int, growth: int, is_bc: bool, millions: str
) -> None:
    with torch.device("meta"):
        model = DenseNet(depth=depth, growth=growth, bottleneck_compression=is_bc)
    assert f"{num_parameters(model) / 1e6:.1f}" == millions
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == depth


def test_a_unet_has_the_papers_23_convolutions_and_1024_channels() -> None:
    with torch.device("meta"):
        model = UNet(2)
    convs = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert len(convs) == 23
    assert max(conv.out_channels for conv in convs) == 1024
    # Convolutions of 3x3 of figure 1, of 2x2 and of 1x1, with biases, added up by hand.
    widths = [64, 128, 256, 512, 1024]
    by_hand = sum(9 * (a * b + b * b) + 2 * b for a, b in zip([1, *widths], widths, strict=False))
    by_hand += sum(4 * 2 * w * w + w + 9 * (2 * w * w + w * w) + 2 * w for w in widths[:-1]) + (
        64 * 2 + 2
    )
    assert num_parameters(model) == by_hand == 31_030_658


IMAGES = (4, 3, 16, 16)


@pytest.mark.parametrize(
    ("model", "shape", "expected"),
    [
        (MLP(5, 3, width=8, num_blocks=4), (4, 5), {"identity": 4}),
        (MLP(5, 3, width=8, num_blocks=4, norm="layer", scale=0.5), (4, 5), {"identity": 4}),
        (MLP(5, 3, width=8, num_blocks=4, skips=False), (4, 5), {}),
        (ResNet(num_blocks=2), IMAGES, {"identity": 4, "projection": 2}),
        (ResNet(num_blocks=2, shortcut="projection"), IMAGES, {"identity": 4, "projection": 2}),
        (ResNet(num_blocks=2, skips=False), IMAGES, {}),
        (PreActResNet(num_blocks=2), IMAGES, {"identity": 4, "projection": 2}),
        (PreActResNet(num_blocks=2, skips=False), IMAGES, {}),
        (
            PreActResNet(num_blocks=2, bottleneck=True),
            IMAGES,
            {"identity": 3, "projection": 3},
        ),
        (DenseNet(depth=16, growth=4), IMAGES, {"concat": 6}),
        (DenseNet(depth=13, growth=4, bottleneck_compression=False), IMAGES, {"concat": 9}),
        (UNet(width=4, num_levels=3), (4, 1, 16, 16), {"concat": 3}),
        (UNet(width=4, num_levels=3, skips="add"), (4, 1, 16, 16), {"identity": 3}),
        (UNet(width=4, num_levels=3, skips="none"), (4, 1, 16, 16), {}),
    ],
)
def test_a_scan_finds_the_skips_of_the_definition(
    model: nn.Module, shape: tuple[int, ...], expected: dict[str, int]
) -> None:
    assert kinds(model, torch.randn(shape)) == expected


def _twins(kind: str, with_skips: bool) -> tuple[nn.Module, tuple[int, ...]]:
    torch.manual_seed(3)
    if kind == "unet":
        return UNet(width=4, num_levels=2, skips="add" if with_skips else "none"), (2, 1, 8, 8)
    if kind == "mlp":
        return MLP(5, 3, width=8, num_blocks=3, norm="layer", skips=with_skips), (4, 5)
    model = ResNet if kind == "resnet" else PreActResNet
    return model(num_blocks=1, widths=(4, 8), skips=with_skips), (2, 3, 8, 8)


@pytest.mark.parametrize("kind", ["mlp", "resnet", "preactivation", "unet"])
def test_a_twin_has_the_same_parameters_and_no_skip(kind: str) -> None:
    """Where every branch is zero, the net with skips still sees its input and the twin does not."""
    one, shape = _twins(kind, True)
    two, _ = _twins(kind, False)
    states = (one.state_dict(), two.state_dict())
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    x = torch.randn(shape)
    assert not torch.equal(one(x), two(x))
    inner = "levels.1.inner" if kind == "unet" else "blocks"
    for model in (one, two):
        for name, parameter in model.named_parameters():
            if name.startswith(inner):
                nn.init.zeros_(parameter)
        model.train()
    assert float((one(x) - one(x.flip(0))).detach().abs().max()) > 1e-3
    assert float((two(x) - two(x.flip(0))).detach().abs().max()) < 1e-6


def test_a_resnet_block_is_the_papers_formula() -> None:
    model = ResNet(num_blocks=1, widths=(4, 8)).eval()
    x = torch.randn(2, 4, 8, 8)
    branch = model.blocks[1][0].branch
    padded = torch.cat((x[:, :, ::2, ::2], torch.zeros(2, 4, 4, 4)), 1)
    torch.testing.assert_close(model.blocks[1](x), torch.relu(padded + branch(x)))


def test_preactivation_blocks_are_the_identity_at_a_zero_last_layer() -> None:
    model = PreActResNet(num_blocks=3, widths=(4, 8))
    for block in model.blocks:
        nn.init.zeros_(block.branch[-1].weight)
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(model.blocks[:3](x), x)


def test_blocks_of_a_plain_stack_meet_at_an_activation() -> None:
    """Else the last layer of a block and the first of the next would be one linear map."""
    model = MLP(5, 3, width=8, num_blocks=2, skips=False).double()
    parts = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.ReLU))]
    is_linear = [isinstance(m, nn.Linear) for m in parts]
    assert not any(first and second for first, second in pairwise(is_linear[:-1]))


def test_weights_have_the_deviation_of_he_et_al() -> None:
    conv = ResNet(num_blocks=1).blocks[2][0].branch[3]
    assert float(conv.weight.detach().std()) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    layer = MLP(5, 3, width=256, num_blocks=1).blocks[0].branch[3]
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 256) ** 0.5, rel=0.02)


def test_odd_sizes_come_back_from_a_unet() -> None:
    assert UNet(width=4, num_levels=2)(torch.randn(2, 1, 13, 10)).shape == (2, 1, 13, 10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MLP(5, 3)(torch.randn(4, 6)), r"takes vectors \[N, 5\]; got shape \(4, 6\)"),
        (lambda: MLP(5, 3, num_blocks=0), "num_blocks is 0; it must be a whole number, 1 or more"),
        (lambda: ResNet()(torch.randn(4, 1, 8, 8)), r"images \[N, 3, height, width\]; got shape"),
        (lambda: ResNet()(torch.randn(3, 8, 8)), r"images \[N, 3, .* got shape \(3, 8, 8\)"),
        (lambda: ResNet(shortcut="A"), "shortcut is 'A'; it must be one of pool-pad, projection"),
        (lambda: PreActResNet(num_blocks=0), "num_blocks is 0"),
        (lambda: DenseNet(depth=11), "depth is 11; it must be 6n . 4, with n layers"),
        (lambda: DenseNet(depth=4), "depth is 4; it must be 6n . 4"),
        (lambda: UNet(skips="sum"), "skips is 'sum'; it must be one of concat, add, none"),
        (lambda: UNet(width=4)(torch.randn(1, 1, 8, 32)), "4 levels halve images of 16 places"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
