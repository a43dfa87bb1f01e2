"""Inputs without a batch dimension, and what a report says it took for one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.capture.eager import batch_size


class Tanh(nn.Module):
    """A residual block of one vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.outer(torch.tanh(self.inner(x)))


def test_a_vector_is_one_sample_as_it_is_with_a_batch_of_one() -> None:
    net = nn.Sequential(nn.Linear(24, 24), *(Tanh(24) for _ in range(4)))
    x = torch.randn(24)
    plain, batched = (plusone.scan(net, z, quick=True, timed=False) for z in (x, x[None]))
    for a, b in zip(plain.blocks, batched.blocks, strict=True):
        for field in ("signal_rms", "gradient_rms", "gradient_norm", "residual_ratio"):
            one, other = getattr(a, field), getattr(b, field)
            assert float(one) == pytest.approx(float(other), rel=1e-5)
            assert one.stderr is None
        assert not a.similarity.is_measured
        assert not a.rank.is_measured
    ratios = [float(r.end_to_end.log10_gradient_ratio) for r in (plain, batched)]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-5)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(24,)], None),
        ([(24,), (24,)], None),
        ([(4, 24)], 4),
        ([(4, 24), (4,)], 4),
        ([(4, 24), (5, 24)], None),
        ([()], None),
    ],
)
def test_vectors_alone_have_no_batch(shapes: list[tuple[int, ...]], expected: int | None) -> None:
    assert batch_size(tuple(torch.randn(s) for s in shapes), {}) == expected


def test_whole_numbers_are_one_for_each_sample() -> None:
    assert batch_size((torch.arange(5),), {}) == 5
    assert batch_size((torch.arange(5), torch.randn(5)), {}) == 5


@pytest.mark.parametrize(
    ("x", "taken", "spectra"),
    [
        (torch.randn(24), "no batch dimension", "they have no batch dimension"),
        (torch.randn(3, 24), "dimension 0 taken for 3 samples", "per sample"),
    ],
)
def test_the_report_says_what_was_taken_for_the_samples(
    x: Tensor, taken: str, spectra: str
) -> None:
    net = nn.Sequential(*(Tanh(24) for _ in range(2)))
    provenance = plusone.scan(net, x, timed=False).provenance
    assert provenance.inputs.endswith(f"; {taken}")
    assert spectra in provenance.spectra


def test_positions_in_front_are_named_as_coupled() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    provenance = plusone.scan(encoder, torch.randn(6, 3, 16), timed=False).provenance
    assert provenance.inputs.endswith("; dimension 0 taken for 6 samples")
    assert "what stands along dimension 0 is coupled" in provenance.spectra
