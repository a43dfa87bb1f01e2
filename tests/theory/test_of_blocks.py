"""The closed form of measured blocks beside the gradient that was measured."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.records import NOT_MEASURED, BlockReport, Spectrum, Value
from plusone.theory.of_blocks import closed_form


def block(name: str, rms: float, *, level: int = 0, ins: int = 8, outs: int = 8) -> BlockReport:
    return BlockReport(
        name=name,
        depth=1,
        jacobian=Spectrum(frobenius_rms=Value.of(rms, 0.1 * rms)),
        shape=(4, outs),
        input_shape=(4, ins),
        level=level,
    )


def test_sizes_multiply_over_the_outer_blocks_of_the_trunk() -> None:
    blocks = [block("a", 2.0), block("a.in", 7.0, level=1), block("b", 0.5, ins=16, outs=4)]
    found = closed_form(blocks)
    assert float(found) == pytest.approx(math.log10(2 * 0.5 * math.sqrt(16 / 4)))
    assert found.stderr == pytest.approx(math.sqrt(2) * 0.1 / math.log(10))
    assert float(closed_form(blocks, ("a",))) == pytest.approx(math.log10(2))


def test_a_block_without_a_size_leaves_no_closed_form() -> None:
    assert closed_form([block("a", 2.0), BlockReport(name="b", depth=2)]) == NOT_MEASURED
    assert closed_form([]) == NOT_MEASURED
    assert closed_form([block("a", 0.0)]).state == "-inf"


class Chain(nn.Module):
    """Linear residual blocks of a known gain."""

    def __init__(self, depth: int, gain: float, width: int = 64) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(depth))
        for layer in self.blocks:
            nn.init.normal_(layer.get_parameter("weight"), std=math.sqrt(gain / width))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.blocks:
            x = x + layer(x)
        return x


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_on_random_blocks_it_is_the_gradient_and_the_prediction_without_a_model(
    gain: float,
) -> None:
    report = plusone.scan(Chain(12, gain), torch.randn(16, 64), timed=False, samples=16)
    closed, measured = report.prediction
    assert float(closed) == pytest.approx(float(measured), abs=0.25)
    free = plusone.predict(12, 1.0, gain=gain, activation="linear")
    assert float(closed) == pytest.approx(float(free.log10_typical_norm), abs=0.1)
    assert "closed form" in report.to_text()


def test_a_quick_scan_has_none() -> None:
    report = plusone.scan(Chain(4, 0.1), torch.randn(16, 64), quick=True, timed=False)
    assert report.prediction.closed_form == NOT_MEASURED
    assert report.prediction.measured.is_measured
