"""Each scale against its formula, with stochastic depth's mask, beside timm, and bad arguments."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn import (
    AdminScale,
    ConstantScale,
    DeepNorm,
    FixupScale,
    Join,
    LayerNormScaling,
    LayerScale,
    Residual,
    ReZero,
    SkipInit,
    StochasticDepth,
    VarianceGate,
    VariancePreserving,
    deepnorm_coefficients,
    layer_scale_start,
)

SHAPE = (4, 6, 5)
Formula = Callable[[Join, Tensor, Tensor], Tensor]
CASES: dict[str, tuple[Callable[[], Join], Formula]] = {
    "constant": (lambda: ConstantScale(0.3), lambda j, x, f: x + 0.3 * f),
    "rezero": (ReZero, lambda j, x, f: x + j.alpha * f),
    "skipinit": (lambda: SkipInit(0.3), lambda j, x, f: x + j.alpha * f),
    "layer scale": (lambda: LayerScale(5, start=0.3), lambda j, x, f: x + j.gamma * f),
    "layer scale of axis 1": (
        lambda: LayerScale(6, start=0.3, axis=1),
        lambda j, x, f: x + j.gamma[:, None] * f,
    ),
    "layer scale of axis -2": (
        lambda: LayerScale(6, start=0.3, axis=-2),
        lambda j, x, f: x + j.gamma[:, None] * f,
    ),
    "deepnorm": (lambda: DeepNorm(1.7), lambda j, x, f: 1.7 * x + f),
    "admin": (lambda: AdminScale(5), lambda j, x, f: j.omega * x + f),
    "variance preserving": (lambda: VariancePreserving(0.6), lambda j, x, f: 0.8 * x + 0.6 * f),
    "variance gate": (
        lambda: VarianceGate(5),
        lambda j, x, f: (
            (1 - torch.sigmoid(j.gate / 0.3) ** 2).sqrt() * x + torch.sigmoid(j.gate / 0.3) * f
        ),
    ),
    "fixup": (FixupScale, lambda j, x, f: x + j.gain * f + j.bias),
}


def made(name: str) -> tuple[Join, Tensor, Tensor]:
    """The scale with random numbers in its parameters, a skip and a branch, in float64."""
    join = CASES[name][0]().double()
    with torch.no_grad():
        for parameter in join.parameters():
            parameter.normal_()
    return join, *(torch.randn(SHAPE, dtype=torch.float64) for _ in range(2))


@pytest.mark.parametrize("name", list(CASES))
def test_each_scale_is_its_formula(name: str) -> None:
    join, skip, branch = made(name)
    expected = CASES[name][1](join, skip, branch)
    torch.testing.assert_close(join(skip, branch), expected, rtol=0, atol=1e-14)
    short = join.float()(skip.float(), branch.float())
    torch.testing.assert_close(short, expected.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", list(CASES))
def test_a_mask_multiplies_the_branch_and_nothing_else(name: str) -> None:
    """Fixup's bias is a part of its branch: a block that is dropped is its skip."""
    join, skip, branch = made(name)
    mask = torch.tensor([0.0, 2.0, 1.0, 0.0], dtype=torch.float64).view(-1, 1, 1)
    formula = CASES[name][1]
    expected = formula(join, skip, branch * mask)
    if name == "fixup":
        expected = skip + mask * (formula(join, skip, branch) - skip)
    torch.testing.assert_close(join(skip, branch, mask), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["rezero", "skipinit"])
def test_the_first_gradient_of_alpha_is_the_product_of_gradient_and_branch(name: str) -> None:
    join, skip, branch = made(name)
    nn.init.zeros_(join.alpha)
    gradient = torch.randn(SHAPE, dtype=torch.float64)
    (found,) = torch.autograd.grad((join(skip, branch) * gradient).sum(), join.alpha)
    assert float(found) == pytest.approx(float((gradient * branch).sum()), rel=1e-12)


@pytest.mark.parametrize(
    ("depth", "start"), [(1, 0.1), (18, 0.1), (19, 1e-5), (24, 1e-5), (25, 1e-6), (48, 1e-6)]
)
def test_layer_scale_starts_by_caits_rule(depth: int, start: float) -> None:
    assert layer_scale_start(depth) == start
    block = Residual(nn.Linear(5, 5), scale=LayerScale(5, depth=depth)).double()
    x = torch.randn(3, 5, dtype=torch.float64)
    moved, branch = (block(x) - x).norm().detach(), block.branch(x).norm().detach()
    assert float(moved / branch) == pytest.approx(start, rel=1e-6)


def test_layer_scale_folds_into_the_linear_layer_before_it() -> None:
    linear, scale = nn.Linear(5, 5).double(), LayerScale(5, start=0.3).double()
    nn.init.normal_(scale.gamma)
    x = torch.randn(3, 5, dtype=torch.float64)
    scaled = Residual(linear, scale=scale)(x)
    folded = nn.Linear(5, 5).double()
    with torch.no_grad():
        folded.weight.copy_(scale.gamma[:, None] * linear.weight)
        folded.bias.copy_(scale.gamma * linear.bias)
    torch.testing.assert_close(Residual(folded)(x), scaled, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(64, 6), (64, 5, 6), (64, 6, 4, 4)])
def test_timms_layer_scale_and_drop_path_give_the_same(
    shape: tuple[int, ...], training: bool, dtype: torch.dtype
) -> None:
    layers = pytest.importorskip("timm.layers", reason="timm comes with the extra 'zoo'")
    is_image = len(shape) == 4
    branch = (nn.Conv2d(6, 6, 1) if is_image else nn.Linear(6, 6)).to(dtype)
    gamma, x = torch.randn(6, dtype=dtype), torch.randn(shape, dtype=dtype)
    theirs = (layers.LayerScale2d if is_image else layers.LayerScale)(6).to(dtype)
    scale = LayerScale(6, start=1, axis=1 if is_image else -1).to(dtype)
    with torch.no_grad():
        theirs.gamma.copy_(gamma)
        scale.gamma.copy_(gamma)
    drop = layers.DropPath(0.4).train(training)
    block = Residual(branch, scale=scale, drop=StochasticDepth(0.4)).train(training)
    results = []
    for run in (block, lambda x: x + drop(theirs(branch(x)))):
        torch.manual_seed(3)
        y = run(x)
        gradients = torch.autograd.grad(y.square().sum(), list(branch.parameters()))
        results.append((y, *gradients))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    for ours, peers in zip(*results, strict=True):
        torch.testing.assert_close(ours, peers, rtol=tolerance, atol=tolerance)


@pytest.mark.zoo
def test_transformers_variance_preserving_sums_are_the_same() -> None:
    beam = pytest.importorskip("transformers.models.beam.modeling_beam", reason="extra 'zoo'")
    muse = pytest.importorskip("transformers.models.muse_spark.modeling_muse_spark")
    skip, branch = (torch.randn(SHAPE, dtype=torch.float64) for _ in range(2))
    for layer in (1, 2, 7):
        theirs = beam.depth_scaled_residual_add(branch, skip, layer)
        ours = VariancePreserving.at_layer(layer)(skip, branch)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)
    config = SimpleNamespace(hidden_size=5, residual_gate_temperature=0.3)
    peer, gate = muse.MuseSparkResidualGate(config, residual_gate_eps=0), VarianceGate(5)
    nn.init.normal_(gate.gate, std=0.5)
    peer.load_state_dict(gate.state_dict())
    torch.testing.assert_close(
        gate.double()(skip, branch), peer.double()(skip, branch), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("start", [0.01, 0.3, 0.999])
def test_a_variance_gate_starts_at_its_share(start: float) -> None:
    gate = VarianceGate(1, start=start).double()
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    beta, alpha = gate(zero, one).item(), gate(one, zero).item()
    assert beta == pytest.approx(start, rel=1e-5)
    assert alpha**2 + beta**2 == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VarianceGate(5, start=1.0), "beta starts between 0 and 1, both excluded"),
        (lambda: LayerScale(5), "needs the net's depth .* or a start for gamma, one of them"),
        (lambda: LayerScale(5, depth=3, start=1), "needs the net's depth .* one of them"),
        (lambda: LayerScale(5, depth=0), "depth is 0; it must be a whole number, 1 or more"),
        (lambda: VariancePreserving(1.2), "beta is 1.2; it must lie between 0 and 1"),
        (lambda: VariancePreserving.at_layer(0), "layer is 0; it must be a whole number"),
        (lambda: ConstantScale.of_depth(2.5), "num_blocks is 2.5; it must be a whole number"),
        (lambda: SkipInit.of_depth(0), "num_blocks is 0"),
        (lambda: LayerNormScaling(nn.LayerNorm(5), 0), "layer is 0"),
        (lambda: deepnorm_coefficients(), "0 encoder and 0 decoder layers has no coefficients"),
        (lambda: deepnorm_coefficients(num_encoder_layers=-1), "-1 encoder and 0 decoder"),
    ],
)
def test_numbers_out_of_range_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize("name", list(CASES))
def test_its_text_holds_its_numbers(name: str) -> None:
    shown = {"constant": "0.3", "deepnorm": "1.7", "variance preserving": "alpha=0.8, beta=0.6"}
    shown |= {"skipinit": "start=0.3", "layer scale": "5, start=0.3, axis=-1", "admin": "5"}
    assert shown.get(name, "") in repr(CASES[name][0]())
