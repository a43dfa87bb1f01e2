"""`Residual`: each placement is its formula, slots compose, and wrong combinations say so."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nn.nets import SelfAttention
from plusone.errors import InputError
from plusone.nn import (
    Concatenation,
    ConstantScale,
    ConvProjection,
    HighwayGate,
    LayerNormScaling,
    LayerScale,
    Residual,
    ReZero,
    StochasticDepth,
    make_norm,
)


def test_without_parts_it_is_the_sum_bit_by_bit() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        branch = nn.Linear(8, 8, dtype=dtype)
        x = torch.randn(4, 8, dtype=dtype)
        assert torch.equal(Residual(branch)(x), x + branch(x))
    zero = nn.Linear(8, 8)
    nn.init.zeros_(zero.weight)
    nn.init.zeros_(zero.bias)
    x = torch.randn(4, 8)
    assert torch.equal(Residual(zero)(x), x)


def test_its_jacobian_is_the_identity_plus_that_of_the_branch() -> None:
    branch = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 6)).double()
    x = torch.randn(6, dtype=torch.float64)
    whole = torch.func.jacrev(Residual(branch))(x)
    own = torch.func.jacrev(branch)(x)
    torch.testing.assert_close(whole, own + torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("placement", ["pre", "post", "sandwich"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_placement_is_its_formula(placement: str, dtype: torch.dtype) -> None:
    branch = nn.Linear(8, 8, dtype=dtype)
    norm = nn.LayerNorm(8, dtype=dtype)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    block = Residual(branch, norm=norm, placement=placement, scale=0.5)
    x = torch.randn(4, 8, dtype=dtype)
    if placement == "pre":
        expected = x + 0.5 * branch(norm(x))
    elif placement == "post":
        expected = norm(x + 0.5 * branch(x))
    else:
        assert block.branch_norm is not norm
        expected = x + 0.5 * norm(branch(norm(x)))
    torch.testing.assert_close(block(x), expected)


def test_a_sandwich_of_a_function_makes_two_norms() -> None:
    block = Residual(nn.Linear(8, 8), norm=lambda: nn.LayerNorm(8), placement="sandwich")
    assert len([m for m in block.modules() if isinstance(m, nn.LayerNorm)]) == 2


def test_layernorm_scaling_is_its_formula() -> None:
    norm, branch, x = nn.LayerNorm(8), nn.Linear(8, 8), torch.randn(4, 8)
    block = Residual(branch, norm=LayerNormScaling(norm, layer=7))
    torch.testing.assert_close(block(x), x + branch(norm(x) / 7**0.5))


def test_further_arguments_go_to_the_branch_and_further_results_come_back() -> None:
    class Branch(nn.Module):
        def forward(self, x: Tensor, factor: float, *, shift: Tensor) -> tuple[Tensor, str]:
            return factor * x + shift, "weights"

    x, shift = torch.randn(4, 8), torch.randn(8)
    out, extra = Residual(Branch())(x, 3.0, shift=shift)
    torch.testing.assert_close(out, 4 * x + shift)
    assert extra == "weights"


def test_an_attention_module_can_be_the_branch() -> None:
    branch, x = SelfAttention(8), torch.randn(2, 5, 8)
    assert torch.equal(Residual(branch)(x), x + branch(x))


def test_scale_drop_and_projection_compose() -> None:
    branch, skip = nn.Conv2d(3, 6, 3, 2, 1), ConvProjection(3, 6, stride=2)
    scale = LayerScale(6, start=0.3, axis=1)
    block = Residual(branch, skip=skip, scale=scale, drop=StochasticDepth(0.5))
    x = torch.randn(64, 3, 8, 8)
    ratio = ((block(x) - skip(x)) / branch(x)).flatten(1).detach()
    kept = ratio.mean(1) > 0.3
    assert 10 < int(kept.sum()) < 54
    assert float((ratio[kept] - 0.6).abs().max()) < 1e-2
    assert float(ratio[~kept].abs().max()) == 0
    torch.testing.assert_close(block.eval()(x), skip(x) + 0.3 * branch(x))


def test_unused_slots_hold_nothing() -> None:
    block = Residual(nn.Linear(8, 8), scale=1.0, drop=0.0)
    assert [name for name, _ in block.named_modules()] == ["", "branch"]


def test_its_text_names_skip_placement_and_scale() -> None:
    text = str(Residual(nn.Linear(8, 8), norm=nn.LayerNorm(8), scale=ConstantScale(0.5), drop=0.1))
    for part in ("skip=identity, placement=pre", "value=0.5", "probability=0.1, mode=row"):
        assert part in text
    assert "skip=identity" not in str(Residual(nn.Linear(8, 8), skip=HighwayGate(8)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"placement": "before"}, "placement is 'before'; it must be one of pre, post, sandwich"),
        ({"skip": HighwayGate(8), "scale": 0.5}, "skip=HighwayGate joins .* no room for a scale"),
        ({"skip": Concatenation(), "drop": 0.1}, "Concatenation adds no branch that stochastic"),
        ({"scale": nn.Linear(8, 8)}, "scale=Linear is no Join"),
        ({"drop": 1.5}, "probability of being dropped is 1.5; it must lie between 0 and 1"),
        ({"drop": float("nan")}, "probability of being dropped is nan"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Residual(nn.Linear(8, 8), **options)  # type: ignore[arg-type]


def test_it_works_under_autocast() -> None:
    parts = ({}, {"scale": 0.5}, {"scale": ReZero()}, {"scale": LayerScale(8, start=1.0)})
    more = ({"skip": HighwayGate(8)}, {"drop": StochasticDepth(0.5, "subset")})
    for options in (*parts, *more):
        block = Residual(nn.Linear(8, 8), **options)  # type: ignore[arg-type]
        x = torch.randn(8, 8)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = block(x)
        assert y.dtype == torch.float32
        y.sum().backward()


@pytest.mark.parametrize("name", ["batch", "layer", "rms", "group"])
@pytest.mark.parametrize("num_axes", [0, 1, 2, 3])
def test_norms_by_name_give_a_second_moment_of_1_over_their_axes(name: str, num_axes: int) -> None:
    shape = (16, 12, *((5, 4, 3)[:num_axes]))
    x = (3 * torch.randn(shape) + 2).double()
    norm = make_norm(name, 12, num_axes=num_axes, num_groups=4).double()  # type: ignore[arg-type]
    y = norm(x)
    assert y.shape == x.shape
    if name == "batch":
        squares = y.square().transpose(0, 1).flatten(1).mean(1)
    elif name == "group":
        squares = y.square().view(16, 4, -1).mean(2)
    else:
        squares = y.square().mean(1)
    torch.testing.assert_close(squares, torch.ones_like(squares), rtol=1e-3, atol=0)


def test_an_unknown_norm_is_refused() -> None:
    with pytest.raises(InputError, match="norm is 'instance'; it must be one of batch, layer"):
        make_norm("instance", 8)  # type: ignore[arg-type]


def test_group_norm_takes_the_greatest_divisor() -> None:
    for channels, limit, groups in ((12, 8, 6), (7, 4, 1), (64, 32, 32), (6, 32, 6)):
        norm = make_norm("group", channels, num_axes=2, num_groups=limit)
        assert isinstance(norm, nn.GroupNorm)
        assert norm.num_groups == groups


def test_a_branch_that_writes_over_its_input_is_refused() -> None:
    x = torch.randn(4, 6)
    inplace = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 6))
    with pytest.raises(InputError, match="writes over its input"):
        Residual(inplace)(x.clone())
    later = Residual(nn.Sequential(nn.Linear(6, 6), nn.ReLU(inplace=True)))
    torch.testing.assert_close(later(x), x + later.branch[0](x).relu())
    normed = Residual(inplace, norm=nn.LayerNorm(6))
    torch.testing.assert_close(normed(x), x + inplace[1](normed.pre_norm(x).relu()))
    with torch.inference_mode():
        later(torch.randn(4, 6))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "layer"}, "norm is 'layer'; it must be a module"),
        ({"norm": nn.LayerNorm}, "norm=LayerNorm cannot be called without arguments"),
        ({"skip": "identity"}, "skip is 'identity'; it must be a module"),
        ({"scale": "rezero"}, "scale is 'rezero'; it must be a number"),
    ],
)
def test_what_is_no_part_is_refused_in_one_sentence(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        Residual(nn.Linear(6, 6), **options)


def test_a_class_or_a_number_is_no_branch() -> None:
    with pytest.raises(InputError, match="the branch is the class Linear; it must be a module"):
        Residual(nn.Linear)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the branch is 3; it must be a module"):
        Residual(3)  # type: ignore[arg-type]
