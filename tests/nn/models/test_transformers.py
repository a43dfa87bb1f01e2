"""Transformers: the skips of each residual method, causality, where methods start alike."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

import plusone
from nn.models.small import METHODS
from plusone.errors import InputError
from plusone.nn import Residual
from plusone.nn.models import ImageTransformer, TextTransformer, Transformer, residual_stack
from plusone.nn.models.transformer import SelfAttention

NUM_LAYERS = 3


def body(method: str, **options: object) -> Transformer:
    torch.manual_seed(3)
    return Transformer(8, num_layers=NUM_LAYERS, num_heads=2, method=method, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("pre", "identity"),
        ("post", "identity"),
        ("sandwich", "identity"),
        ("rezero", "identity"),
        ("layer-scale", "identity"),
        ("deepnorm", "scaled"),
        ("keel", "scaled"),
    ],
)
def test_a_scan_finds_two_skips_a_layer(method: str, kind: str) -> None:
    model = TextTransformer(11, width=8, num_layers=NUM_LAYERS, num_heads=2, method=method)  # type: ignore[arg-type]
    report = plusone.scan(model, torch.randint(11, (4, 7)), quick=True)
    assert Counter(s.kind for s in report.data.structure.skips) == {kind: 2 * NUM_LAYERS}


def test_a_scan_finds_no_skip_in_the_twin_without() -> None:
    model = TextTransformer(11, width=8, num_layers=NUM_LAYERS, num_heads=2, method="none")
    report = plusone.scan(model, torch.randint(11, (4, 7)), quick=True)
    assert not report.data.structure.skips


def test_a_scan_finds_each_source_of_attention_residuals_as_a_gated_skip() -> None:
    """The read behind branch l, of 1 to 2L, weighs the input and l outputs."""
    model = TextTransformer(11, width=8, num_layers=2, num_heads=2, method="attention")
    report = plusone.scan(model, torch.randint(11, (4, 7)), quick=True)
    found = Counter(s.kind for s in report.data.structure.skips)
    assert found["gated"] == sum(count + 1 for count in range(1, 5))


@pytest.mark.xfail(strict=True, reason="the skip of a stream goes through a matrix of weights")
@pytest.mark.parametrize("method", ["hyper", "mhc"])
def test_a_scan_finds_a_skip_around_each_branch_of_several_streams(method: str) -> None:
    model = TextTransformer(11, width=8, num_layers=2, num_heads=2, method=method)  # type: ignore[arg-type]
    report = plusone.scan(model, torch.randint(11, (4, 7)), quick=True)
    assert len(report.data.structure.skips) == 4


def test_an_image_transformer_has_two_skips_a_layer() -> None:
    model = ImageTransformer(3, image_size=8, patch_size=4, width=8, num_layers=2)
    report = plusone.scan(model, torch.randn(4, 3, 8, 8), quick=True)
    assert Counter(s.kind for s in report.data.structure.skips) == {"identity": 4}


def test_the_twin_without_skips_has_the_parameters_of_pre_norm() -> None:
    pre, none = body("pre"), body("none")
    assert list(pre.state_dict()) == list(none.state_dict())
    for name, value in pre.state_dict().items():
        assert torch.equal(value, none.state_dict()[name])
    x = torch.randn(2, 5, 8)
    by_hand = x
    for block in none.blocks:
        by_hand = block.branch(block.pre_norm(by_hand))
    torch.testing.assert_close(none(x), none.norm(by_hand))
    assert not torch.allclose(none(x), pre(x))


def test_a_pre_norm_layer_is_its_formula() -> None:
    model, x = body("pre"), torch.randn(2, 5, 8)
    y = x
    for block in model.blocks:
        y = y + block.branch(nn.functional.layer_norm(y, (8,)))
    torch.testing.assert_close(model(x), nn.functional.layer_norm(y, (8,)))


@pytest.mark.parametrize(("method", "atol"), [("hyper", 1e-12), ("mhc", 1e-3), ("attention", 3e-3)])
def test_methods_that_start_as_a_pre_norm_net_agree_with_it(method: str, atol: float) -> None:
    """The others up to the norms' epsilon: they norm a multiple of the stream, or mix it a little.

    With attention it is a seventh at the end, where 1e-5 counts 49 times.
    """
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    pre, other = body("pre").double(), body(method).double()
    torch.testing.assert_close(other(x), pre(x), rtol=0, atol=atol)
    assert not torch.allclose(other(x), body("none").double()(x), atol=0.1)


def test_rezero_starts_as_the_identity() -> None:
    model, x = body("rezero"), torch.randn(2, 5, 8)
    assert torch.equal(model(x), x)


@pytest.mark.parametrize("method", METHODS)
def test_a_causal_net_does_not_see_later_tokens(method: str) -> None:
    model = TextTransformer(11, width=8, num_layers=2, num_heads=2, method=method).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    tokens = torch.randint(11, (3, 9))
    changed = tokens.clone()
    changed[:, 5:] = (tokens[:, 5:] + 1) % 11
    one, two = model(tokens), model(changed)
    torch.testing.assert_close(one[:, :5], two[:, :5], rtol=0, atol=1e-12)
    assert float((one[:, 5:] - two[:, 5:]).detach().abs().max()) > 1e-3


def test_attention_agrees_with_torchs_multihead_attention() -> None:
    ours = SelfAttention(8, 2, causal=True).double()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected, _ = theirs(x, x, x, attn_mask=mask, need_weights=False)
    torch.testing.assert_close(ours(x), expected)


def test_deepnorm_scales_values_outputs_and_feed_forward_but_not_queries_and_keys() -> None:
    torch.manual_seed(0)
    model = Transformer(128, num_layers=8, method="deepnorm")
    attention, feed = model.blocks[0].branch, model.blocks[1].branch
    beta, xavier = (4 * 16) ** -0.25, (2 / 256) ** 0.5
    for layer, gain in ((attention.query, 1), (attention.key, 1), (attention.value, beta)):
        assert float(layer.weight.detach().std()) == pytest.approx(gain * xavier, rel=0.03)
    expected = beta * (2 / (5 * 128)) ** 0.5
    assert float(feed[0].weight.detach().std()) == pytest.approx(expected, rel=0.03)
    assert model.blocks[0].join.alpha == pytest.approx(16**0.25)


def test_keel_is_a_post_norm_whose_skip_counts_once_for_each_branch() -> None:
    """N'(L x + f(N(x))) with asymmetric norms, in float64."""
    branch = nn.Linear(6, 6).double()
    stack = residual_stack([branch, nn.Linear(6, 6), nn.Linear(6, 6)], 6, method="keel").double()
    block = stack[0]
    norms = [m for m in block.modules() if isinstance(m, nn.LayerNorm)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.normal_()
            norm.bias.normal_()
    x = torch.randn(4, 6, dtype=torch.float64)
    inner, outer = norms[0], block.post_norm
    assert outer is norms[1]
    torch.testing.assert_close(block(x), outer(3 * x + branch(inner(x))), rtol=0, atol=1e-14)


class Detached(nn.Linear):
    """A branch without a Jacobian, so that what arrives has come over the skips alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).detach()


@pytest.mark.parametrize(("method", "power"), [("keel", -0.002), ("post", -38.5)])
def test_over_the_skips_the_gradient_passes_256_branches_with_keel_and_not_with_post_norm(
    method: str, power: float
) -> None:
    """Chen and Wei 2026: norms divide it by (1 + 1/L^2)^(L/2), those of post-norm by 2^(L/2)."""
    branches = [Detached(256, 256, bias=False) for _ in range(256)]
    for branch in branches:
        nn.init.normal_(branch.weight, std=256**-0.5)
    stack = residual_stack(branches, 256, method=method).double()  # type: ignore[arg-type]
    x = torch.randn(16, 256, dtype=torch.float64, requires_grad=True)
    output = stack(nn.functional.layer_norm(x, (256,)))
    cotangent = torch.randn_like(output)
    (gradient,) = torch.autograd.grad(output, x, cotangent)
    # Each norm takes two directions of 256 away, but with a skip so strong almost the same ones.
    found = float((gradient.norm() / cotangent.norm()).log10())
    assert found == pytest.approx(power, rel=0.03, abs=0.02)


def test_layer_scale_starts_by_the_number_of_layers() -> None:
    for num_layers, start in ((9, 0.1), (20, 1e-5), (25, 1e-6)):
        blocks = residual_stack([nn.Linear(4, 4)] * (2 * num_layers), 4, method="layer-scale")
        assert isinstance(blocks[0], Residual)
        assert float(blocks[0].join.gamma[0].detach()) == pytest.approx(start)


def _tokens(**options: object) -> Tensor:
    return TextTransformer(11, width=8, num_layers=1, **options)(torch.randint(11, (2, 5)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: body("pre-norm"), "method is 'pre-norm'; it must be one of none, pre, post"),
        (lambda: _tokens(num_heads=3), "num_heads is 3; it must divide the width 8"),
        (lambda: _tokens(max_length=4), "has 4 positions; got 5 tokens. max_length= makes more"),
        (
            lambda: TextTransformer(11, num_layers=1)(torch.full((2, 5), 11)),
            r"tokens \[N, T\] from 0 to 10; got numbers from 11 to 11",
        ),
        (lambda: TextTransformer(11)(torch.randn(2, 5)), "got numbers of type torch.float32"),
        (lambda: TextTransformer(11)(torch.tensor([1, 2])), r"got shape \(2,\)"),
        (lambda: TextTransformer(11, num_layers=0), "num_layers is 0"),
        (lambda: ImageTransformer(patch_size=5), "patch_size is 5; it must divide the image size"),
        (
            lambda: ImageTransformer()(torch.randn(2, 3, 16, 16)),
            "takes images of 32 x 32; got shape",
        ),
        (lambda: residual_stack([], 8, method="pre"), "at least 1 branch; got none"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
