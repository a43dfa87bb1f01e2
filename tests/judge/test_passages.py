"""S105 and S106: places too narrow for what has to pass, and nets in which they are meant."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.nn.models.seq2seq import Seq2Seq
from plusone.nn.models.unet import UNet
from plusone.report.report import Report


def scan(net: nn.Module, inputs: object, targets: object = None, **options: object) -> Report:
    loss = options.pop("loss", F.mse_loss if targets is not None else None)
    return plusone.scan(
        net, inputs, targets=targets, loss_fn=loss, quick=True, select=("S105", "S106")
    )


def codes(report: Report) -> list[str]:
    return [f.code for f in report.findings]


def no_skips(num_outputs: int, channels: int = 1) -> UNet:
    return UNet(num_outputs, num_channels=channels, width=4, num_levels=3, skips="none")


def test_a_unet_without_skips_loses_detail() -> None:
    (finding,) = scan(no_skips(2), torch.randn(2, 1, 32, 32)).findings
    assert finding.code == "S105"
    assert float(finding.value) == pytest.approx(1 / 8)
    assert finding.where.startswith("levels.1.inner.1.1.inner.1.1.inner")
    assert "keeps 16 apart" in finding.reason
    assert "1/8 of its resolution" in finding.reason


def test_a_unet_with_skips_is_silent() -> None:
    net = UNet(2, num_channels=1, width=4, num_levels=3)
    assert scan(net, torch.randn(2, 1, 32, 32)).findings == ()


def test_two_levels_are_borne() -> None:
    net = UNet(2, num_channels=1, width=4, num_levels=2, skips="none")
    assert scan(net, torch.randn(2, 1, 32, 32)).findings == ()


def test_an_autoencoder_is_narrow_on_purpose() -> None:
    x = torch.randn(2, 1, 32, 32)
    report = scan(no_skips(1), x, targets=x)
    assert report.findings == ()
    assert not any("S105" in gap.what for gap in report.not_measured)


def test_where_nothing_tells_an_autoencoder_the_report_says_that_it_was_not_judged() -> None:
    report = scan(no_skips(1), torch.randn(2, 1, 32, 32))
    assert report.findings == ()
    (gap,) = [gap for gap in report.not_measured if "S105" in gap.what]
    assert "narrow at levels.1.inner" in gap.why


def test_other_targets_of_the_same_size_are_judged() -> None:
    x = torch.randn(2, 1, 32, 32)
    assert codes(scan(no_skips(1), x, targets=(x > 0).float())) == ["S105"]


def test_a_denoiser_that_is_told_the_time_is_no_autoencoder() -> None:
    class Timed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = no_skips(1)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.net(x + t[:, None, None, None])
            return out

    assert codes(scan(Timed(), (torch.randn(2, 1, 32, 32), torch.rand(2)))) == ["S105"]


def test_a_fixed_context_over_a_long_sentence_is_a_bottleneck() -> None:
    pairs = torch.randint(9, (2, 12)), torch.randint(9, (2, 12))
    (finding,) = scan(Seq2Seq(9, 9, width=8, cell="gru", attention=None), pairs).findings
    assert (finding.code, finding.where) == ("S106", "encoder")
    assert "pass 8 numbers a sample at encoder, 1/12 of the 96" in finding.reason


def test_a_short_sentence_fits() -> None:
    pairs = torch.randint(9, (2, 8)), torch.randint(9, (2, 8))
    assert scan(Seq2Seq(9, 9, width=8, cell="gru", attention=None), pairs).findings == ()


def test_a_map_holds_the_shares_of_a_scan() -> None:
    from plusone.records import ScanConfig
    from plusone.scan import map_subject
    from plusone.target.subject import subject_of

    with torch.device("meta"):
        subject = subject_of(no_skips(2), torch.randn(2, 1, 32, 32))
    mapped = map_subject(subject, ScanConfig()).data
    scanned = scan(no_skips(2), torch.randn(2, 1, 32, 32)).data
    assert mapped.structure.detail == scanned.structure.detail
    assert mapped.structure.capacity == scanned.structure.capacity
    assert mapped.findings == ()
