"""Faults that stood in public packages, planted here in subclasses: the public assertions see them.

Each fault passes a test of shapes, which is all that the packages had.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nn.init.measure import assert_std
from nn.nets import transformer
from plusone.nn import (
    DeepNormCoefficients,
    Join,
    Residual,
    StochasticDepth,
    deepnorm_coefficients,
    initialize_,
)
from plusone.nn.streams import (
    HyperConnection,
    LAuReL,
    ManifoldHyperConnection,
    StreamWeights,
    expand_streams,
)
from plusone.testing import (
    ResidualContract,
    assert_doubly_stochastic,
    assert_every_parameter_matters,
    assert_expectation_preserved,
    assert_identity_at_init,
)

CHANNELS, STREAMS = 8, 4


def branch() -> nn.Module:
    return nn.Sequential(nn.Linear(CHANNELS, 12), nn.Tanh(), nn.Linear(12, CHANNELS))


def streams() -> Tensor:
    return torch.randn(3, STREAMS, CHANNELS)


class Discarded(HyperConnection):
    """The mixing matrix is computed and the streams written back unmixed, as in hyper-connections
    0.1.7 to 0.3.9."""

    def weights(self, x: Tensor) -> StreamWeights:
        return super().weights(x)._replace(mix=None)


class DiscardedOnManifold(ManifoldHyperConnection):
    """The same for a doubly stochastic matrix, as in a copy of that code."""

    def weights(self, x: Tensor) -> StreamWeights:
        return super().weights(x)._replace(mix=None)


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        (HyperConnection, Discarded, "mix_weight"),
        (ManifoldHyperConnection, DiscardedOnManifold, r"bias\[8\]"),
    ],
)
def test_a_mixing_matrix_that_is_discarded_has_no_gradient(
    right: type[nn.Module], wrong: type[nn.Module], named: str
) -> None:
    """mHC holds its weights in one parameter, of which only a part is dropped."""
    x = streams()
    packed = ["bias", "projection", "scale"]
    assert_every_parameter_matters(right(branch(), CHANNELS, layer=0), x, packed=packed)
    block = wrong(branch(), CHANNELS, layer=0)
    assert block(x).shape == x.shape
    with pytest.raises(AssertionError, match=f"no gradient after .* at .*{named}"):
        assert_every_parameter_matters(block, x, packed=packed)


class Transposed(ManifoldHyperConnection):
    """H_res applied the wrong way round, as in two training frameworks."""

    def weights(self, x: Tensor) -> StreamWeights:
        right = super().weights(x)
        assert right.mix is not None
        return right._replace(mix=right.mix.mT)


def reference(block: ManifoldHyperConnection, x: Tensor) -> Tensor:
    """X' = H_res X + h_post f(h_pre X), element by element, with the weights of the right block."""
    weights = ManifoldHyperConnection.weights(block, x)
    assert weights.mix is not None
    out = torch.zeros_like(x)
    for sample in range(len(x)):
        pre, post = (
            weights.read.expand(len(x), -1)[sample],
            weights.write.expand(len(x), -1)[sample],
        )
        mix = weights.mix.expand(len(x), -1, -1)[sample]
        update = block.branch(sum(pre[s] * x[sample, s] for s in range(STREAMS)))
        for t in range(STREAMS):
            mixed = sum(mix[t, s] * x[sample, s] for s in range(STREAMS))
            out[sample, t] = mixed + post[t] * update
    return out


def test_a_transposed_matrix_is_seen_by_a_reference_and_by_no_sum_of_rows() -> None:
    x = streams().double()
    for kind, is_right in ((ManifoldHyperConnection, True), (Transposed, False)):
        torch.manual_seed(0)
        block = kind(branch(), CHANNELS, layer=0).double()
        with torch.no_grad():
            for parameter in block.parameters():
                parameter.add_(0.5 * torch.randn_like(parameter))
        mix = block.weights(x).mix
        assert_doubly_stochastic(mix.mT.contiguous(), atol=0.05)  # it holds for both
        assert_every_parameter_matters(block, x)
        sums = block(x).sum(1), reference(block, x).sum(1)
        torch.testing.assert_close(*sums, rtol=0, atol=0.05)  # so is a sum over streams
        off = float((block(x) - reference(block, x)).abs().max().detach())
        assert (off < 1e-12) == is_right
        assert is_right or off > 1e-3


class CannotBeCalled(Join):
    """A constant scale that forgets `super().__init__()`, as in a public package's residual.py."""

    def __init__(self, value: float) -> None:
        self.value = value

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        return skip + self.value * branch


class ContractOfCannotBeCalled(ResidualContract):
    def build(self) -> nn.Module:
        return Residual(branch(), scale=CannotBeCalled(0.5))

    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(4, CHANNELS),)


def test_a_scale_that_cannot_be_called_fails_the_contract() -> None:
    with pytest.raises(AttributeError, match="CannotBeCalled"):
        ContractOfCannotBeCalled().test_the_output_has_the_promised_shape_and_type()


def test_an_initialiser_a_third_too_large_is_off_the_papers_deviation() -> None:
    """A public package divides by (N^4 M)^(1/16) / 1.15, where the paper multiplies by
    0.87 (N^4 M)^(-1/16)."""
    size = (6**4 * 6) ** (1 / 16)
    right, _ = deepnorm_coefficients(num_encoder_layers=6, num_decoder_layers=6)
    assert right is not None
    wrong = DeepNormCoefficients(alpha=right.alpha, beta=1 / (size / 1.15))
    assert wrong.beta / right.beta == pytest.approx(1.32, abs=0.005)
    for coefficients, is_right in ((right, True), (wrong, False)):
        net = transformer(64, 2, placement="post")
        initialize_(net, "deepnorm", coefficients=coefficients)
        paper = 0.87 / size * math.sqrt(2 / (64 + 64))
        for layer in (net[1].branch[0], net[1].branch[2], net[0].branch.attention.out_proj):
            if is_right:
                assert_std(layer.weight, paper)
            else:
                with pytest.raises(AssertionError):
                    assert_std(layer.weight, paper)


class WithoutIdentity(LAuReL):
    """f(x) + A B x, the identity forgotten, as in the same residual.py."""

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:  # type: ignore[override]
        return super().forward(x, *args, **kwargs) - x


def test_a_low_rank_skip_without_the_identity_is_no_identity_at_init() -> None:
    x = torch.randn(4, CHANNELS)
    for kind, is_right in ((LAuReL, True), (WithoutIdentity, False)):
        block = kind(branch(), CHANNELS, weighted=False, rank=2)
        initial = x + block.branch(x)
        if is_right:
            assert_identity_at_init(block, x, expected=initial)
        else:
            with pytest.raises(AssertionError, match="not the identity at initialisation"):
                assert_identity_at_init(block, x, expected=initial)


class NeverRescaled(StochasticDepth):
    """Branches are dropped and those that stay not divided by their probability, as in a public
    package's layer dropout."""

    def mask(self, branch: Tensor) -> Tensor | None:
        mask = super().mask(branch)
        return mask if mask is None else (mask > 0).to(mask.dtype)


def test_a_drop_that_is_never_rescaled_is_off_its_evaluation() -> None:
    x = torch.randn(10, CHANNELS)
    assert_expectation_preserved(Residual(branch(), drop=StochasticDepth(0.5)), x)
    with pytest.raises(AssertionError, match="the mean in train mode is off from eval mode"):
        assert_expectation_preserved(Residual(branch(), drop=NeverRescaled(0.5)), x)


class MergedAtInit(ManifoldHyperConnection):
    """Zero logits: all streams become their mean in one block, as in several public mHC."""

    def weights(self, x: Tensor) -> StreamWeights:
        right = super().weights(x)
        assert right.mix is not None
        return right._replace(mix=torch.full_like(right.mix, 1 / STREAMS))


def test_streams_that_merge_at_init_lose_what_distinguishes_them() -> None:
    """The second singular value of H_res: 0.99 for the paper's start, 0 for zero logits."""
    x = expand_streams(torch.randn(3, CHANNELS), STREAMS)
    found = []
    for kind in (ManifoldHyperConnection, MergedAtInit):
        mix = kind(branch(), CHANNELS, layer=0).weights(x).mix
        found.append(float(torch.linalg.svdvals(mix.detach().reshape(-1, STREAMS, STREAMS)[0])[1]))
    assert found[0] == pytest.approx(0.99, abs=0.01)
    assert found[1] == pytest.approx(0, abs=1e-6)
