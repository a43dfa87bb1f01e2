"""DeepNorm: which tensors are scaled, and one step's change of the output, flat in depth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nn.init.measure import assert_std, is_unchanged, state
from nn.nets import SelfAttention, mlp, transformer
from plusone.errors import InputError
from plusone.nn import (
    DeepNorm,
    DeepNormCoefficients,
    LayerScale,
    Residual,
    deepnorm_coefficients,
    initialize_,
)
from plusone.testing import first_update

WIDTH = 64


def xavier(gain: float, fan_in: int, fan_out: int) -> float:
    return gain * math.sqrt(2 / (fan_in + fan_out))


@pytest.mark.parametrize("num_layers", [1, 6, 18])
def test_values_outputs_and_feedforward_are_scaled_queries_and_keys_are_not(
    num_layers: int,
) -> None:
    net = transformer(WIDTH, num_layers, placement="post")
    for parameter in net.parameters():
        if parameter.dim() == 1:
            nn.init.constant_(parameter, 0.7)
    report = initialize_(net, "deepnorm")
    alpha, beta = (2 * num_layers) ** 0.25, (8 * num_layers) ** -0.25
    assert report.num_branches == 2 * num_layers
    for attention, feedforward in zip(net[::2], net[1::2], strict=True):
        packed = attention.branch.attention
        for part, gain in zip(packed.in_proj_weight.chunk(3), (1, 1, beta), strict=True):
            assert_std(part, xavier(gain, WIDTH, WIDTH))
        assert_std(packed.out_proj.weight, xavier(beta, WIDTH, WIDTH))
        assert_std(feedforward.branch[0].weight, xavier(beta, WIDTH, WIDTH))
        assert_std(feedforward.branch[2].weight, xavier(beta, WIDTH, WIDTH))
        assert (packed.in_proj_bias == 0.7).all()
        assert (feedforward.branch[2].bias == 0.7).all()
        for block in (attention, feedforward):
            assert isinstance(block.join, DeepNorm)
            assert block.join.alpha == pytest.approx(alpha)


@pytest.mark.parametrize(
    ("encoder", "decoder", "numbers"),
    [
        (6, 0, (1.861, 0.380, None, None)),
        (0, 6, (None, None, 1.861, 0.380)),
        (6, 6, (1.418, 0.497, 2.060, 0.343)),
        (100, 0, (3.761, 0.188, None, None)),
        (12, 3, (1.615, 0.436, 1.732, 0.408)),
    ],
)
def test_coefficients_are_the_papers_table(
    encoder: int, decoder: int, numbers: tuple[float | None, ...]
) -> None:
    """Figure 2: (2N)^1/4, (8N)^-1/4; .81 (N^4 M)^1/16, .87 (N^4 M)^-1/16; (3M)^1/4, (12M)^-1/4."""
    made = deepnorm_coefficients(num_encoder_layers=encoder, num_decoder_layers=decoder)
    found = [n for c in made for n in ((None, None) if c is None else (c.alpha, c.beta))]
    assert found == [None if n is None else pytest.approx(n, abs=6e-4) for n in numbers]


def test_an_encoder_beside_a_decoder_takes_coefficients() -> None:
    encoder, decoder = deepnorm_coefficients(num_encoder_layers=6, num_decoder_layers=6)
    net = transformer(WIDTH, 6, placement="post")
    initialize_(net, "deepnorm", coefficients=encoder)
    assert net[0].join.alpha == pytest.approx(0.81 * 6 ** (5 / 16))
    assert_std(net[1].branch[0].weight, xavier(0.87 * 6 ** (-5 / 16), WIDTH, WIDTH))
    assert decoder == DeepNormCoefficients.of_branches(18)


class OwnAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.table = nn.Parameter(torch.zeros(5, 5))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.q(x) @ self.k(x).mT + self.table
        out: Tensor = self.out(weights.softmax(-1) @ self.v(x))
        return out


def test_other_attention_names_its_queries_and_keys_and_tables() -> None:
    net = nn.Sequential(
        *(Residual(OwnAttention(), norm=nn.LayerNorm(WIDTH), placement="post") for _ in range(2))
    )
    before = state(net)
    with pytest.raises(InputError, match="0.branch .OwnAttention: table .5, 5"):
        initialize_(net, "deepnorm", unscaled=["*.q", "*.k"])
    with pytest.raises(InputError, match="'.*.query' in unscaled matches no layer of a branch"):
        initialize_(net, "deepnorm", unscaled=["*.branch", "*.query"])
    assert is_unchanged(net, before)
    assert net[0].join is None
    beta = 8**-0.25
    initialize_(net, "deepnorm", unscaled=["*.branch", "*.q", "*.k"])
    for name, gain in (("q", 1.0), ("k", 1.0), ("v", beta), ("out", beta)):
        assert_std(getattr(net[1].branch, name).weight, xavier(gain, WIDTH, WIDTH))
    assert not net[0].branch.table.any()


def test_attention_of_other_widths_has_a_weight_for_each_projection() -> None:
    attention = nn.MultiheadAttention(WIDTH, 2, kdim=40, vdim=24, batch_first=True)

    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
            out: Tensor = self.attention(x, key, value)[0]
            return out

    initialize_(Residual(Cross(), norm=nn.LayerNorm(WIDTH), placement="post"), "deepnorm")
    assert_std(attention.q_proj_weight, xavier(1, WIDTH, WIDTH))
    assert_std(attention.k_proj_weight, xavier(1, 40, WIDTH))
    assert_std(attention.v_proj_weight, xavier(4**-0.25, 24, WIDTH))


def updated(net: nn.Module) -> list[Tensor]:
    """What the theory updates: values, outputs and the feed-forward layers."""
    linear = [m.weight for m in net.modules() if isinstance(m, nn.Linear)]
    return [*linear, *(m.in_proj_weight for m in net.modules() if hasattr(m, "in_proj_weight"))]


def change(num_layers: int, method: str | None, chosen: object = updated) -> float:
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        net = transformer(WIDTH, num_layers, placement="post")
        if method is not None:
            initialize_(net, method)
        else:
            for parameter in updated(net):
                nn.init.xavier_normal_(parameter)
        x = torch.randn(4, 10, WIDTH)
        found.append(first_update(net, (x,), parameters=chosen, rate=1e-4))
    return sum(found) / len(found)


def test_one_step_is_flat_in_depth_where_post_norms_grows() -> None:
    depths = (3, 12, 48)
    ours = [change(depth, "deepnorm") for depth in depths]
    post = [change(depth, None) for depth in depths]
    assert max(ours) / min(ours) < 1.5
    assert post[-1] / post[0] > 20


def everything(net: nn.Module) -> list[Tensor]:
    return list(net.parameters())


def test_with_norms_and_biases_updated_too_a_step_grows_again() -> None:
    """What `plusone.nn.scales.deepnorm` says beside the theory."""
    found = [change(depth, "deepnorm", everything) for depth in (3, 48)]
    assert found[1] / found[0] > 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "deepnorm multiplies the skip in front of a post-norm, and 1 is no"),
        ({"norm": nn.LayerNorm(8)}, "deepnorm multiplies the skip in front of a post-norm"),
        (
            {"norm": nn.LayerNorm(8), "placement": "post", "scale": LayerScale(8, start=1)},
            "deepnorm sets the scale of 1, which has LayerScale; build it with scale=None",
        ),
    ],
)
def test_blocks_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    first = Residual(mlp(8, 2), norm=nn.LayerNorm(8), placement="post")
    net = nn.Sequential(first, Residual(mlp(8, 2), **options))
    before = state(net)
    with pytest.raises(InputError, match=message):
        initialize_(net, "deepnorm")
    assert is_unchanged(net, before)
    assert first.join is None


def test_a_branch_that_is_not_ours_is_refused() -> None:
    net = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    before = state(net)
    with pytest.raises(InputError, match="deepnorm multiplies the skip in front of a post-norm"):
        initialize_(net, "deepnorm", inputs=torch.randn(2, 5, 16))
    assert is_unchanged(net, before)
    attention = Residual(SelfAttention(8), norm=nn.LayerNorm(8), placement="post")
    initialize_(attention, "deepnorm", inputs=torch.randn(2, 5, 8))
    assert attention.join.alpha == 1
