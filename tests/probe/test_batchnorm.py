"""Batch norms frozen at the statistics of the full batch: the same function, sample by sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.capture.eager import record
from plusone.probe.batchnorm import freeze_batch_norms
from probe.recorded import Function, observed

from oracle.dense_jacobian import dense_jacobian, singular_values

NORMS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "1d": (nn.BatchNorm1d(4), (6, 4)),
    "1d of sequences": (nn.BatchNorm1d(4), (6, 4, 5)),
    "2d": (nn.BatchNorm2d(4), (6, 4, 3, 3)),
    "3d": (nn.BatchNorm3d(4), (6, 4, 2, 3, 2)),
    "without gain": (nn.BatchNorm2d(4, affine=False), (6, 4, 3, 3)),
    "without running statistics": (nn.BatchNorm1d(4, track_running_stats=False), (6, 4)),
    "with the mean of all batches": (nn.BatchNorm1d(4, momentum=None), (6, 4)),
    "with a large eps": (nn.BatchNorm1d(4, eps=0.5), (6, 4)),
}


def prepared(name: str, *, training: bool) -> tuple[nn.Module, Tensor]:
    norm, shape = NORMS[name]
    norm = norm.double().train(training)
    if norm.affine:
        nn.init.uniform_(norm.weight, 0.5, 2.0)
        nn.init.normal_(norm.bias)
    if norm.running_mean is not None:
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return norm, 3 * torch.randn(shape, dtype=torch.float64) + 1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_a_frozen_norm_gives_the_rows_of_the_full_batch(name: str, *, training: bool) -> None:
    norm, x = prepared(name, training=training)
    with observed(norm, x) as seen:
        expected = seen.recording.outputs[0].detach()
        freeze_batch_norms(norm, seen.signal.statistics(seen.recording.trace))
        torch.testing.assert_close(norm(x), expected)
        freeze_batch_norms(norm, seen.signal.statistics(seen.recording.trace))
        torch.testing.assert_close(norm(x[:2]), expected[:2])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["1d", "2d", "without gain", "with a large eps"])
def test_a_frozen_norm_has_the_jacobian_of_its_affine_map(name: str, *, training: bool) -> None:
    norm, x = prepared(name, training=training)
    axes = [0, *range(2, x.dim())]
    variance = x.var(axes, unbiased=False) if training else norm.running_var
    gain = norm.weight if norm.affine else torch.ones(4)
    expected = gain * (variance + norm.eps).rsqrt()
    with observed(norm, x) as seen:
        freeze_batch_norms(norm, seen.signal.statistics(seen.recording.trace))
        z = x.clone().requires_grad_()
        (found,) = torch.autograd.grad(norm(z).sum(), z)
    shape = (1, 4, *([1] * (x.dim() - 2)))
    torch.testing.assert_close(found, expected.detach().view(shape).expand_as(x))


def test_each_call_of_a_shared_norm_has_its_own_statistics() -> None:
    norm = nn.BatchNorm1d(4).double()
    model = Function(lambda x: norm(3 * norm(x).exp()), norm)
    x = torch.randn(6, 4, dtype=torch.float64)
    with observed(model, x) as seen:
        expected = seen.recording.outputs[0].detach()
        for _ in range(2):  # counting starts again each time
            freeze_batch_norms(model, seen.signal.statistics(seen.recording.trace))
            torch.testing.assert_close(model(x[:3]), expected[:3])


class NormedRelu(nn.BatchNorm1d):
    """A norm with a forward of its own, as timm has them."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training
        )
        return torch.relu(y)


def test_a_norm_with_an_activation_inside_is_frozen_too() -> None:
    norm = NormedRelu(4).double()
    x = torch.randn(6, 4, dtype=torch.float64)
    with observed(norm, x) as seen:
        expected = seen.recording.outputs[0].detach()
        freeze_batch_norms(norm, seen.signal.statistics(seen.recording.trace))
        torch.testing.assert_close(norm(x[:2]), expected[:2])
    assert norm.training
    torch.testing.assert_close(norm.running_mean, torch.zeros(4).double())


def test_half_precision_norms_stay_in_half_precision() -> None:
    norm = nn.BatchNorm1d(4)
    x = torch.randn(6, 4).bfloat16()
    with observed(norm, x) as seen:
        freeze_batch_norms(norm, seen.signal.statistics(seen.recording.trace))
        assert norm(x).dtype == torch.bfloat16


@pytest.mark.parametrize("training", [True, False])
def test_spectra_are_those_of_the_net_with_the_statistics_held_fixed(*, training: bool) -> None:
    branch = nn.Sequential(
        nn.Conv2d(2, 3, 3, 1, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1)
    )
    x = torch.randn(5, 2, 2, 2, dtype=torch.float64)
    branch.double()(torch.randn_like(x))  # the norm gets statistics of its own
    branch.train(training)
    report = plusone.scan(Function(lambda x: x + branch(x), branch), x, timed=False, samples=3)
    frozen = branch[1]
    if training:
        inner = branch[0](x).detach()
        frozen.running_mean = inner.mean((0, 2, 3))
        frozen.running_var = inner.var((0, 2, 3), unbiased=False)
    branch.eval()
    exact = singular_values(dense_jacobian(lambda z: z + branch(z), x[:3]))[:, 0].mean()
    assert float(report.blocks[0].jacobian.spectral_norm) == pytest.approx(float(exact))
    held = "statistics of batch norms held fixed"
    assert "per sample, on 3 of 5 samples" in report.provenance.spectra
    assert (held in report.provenance.spectra) == training


def test_the_statistics_are_noted_in_training_mode_alone() -> None:
    norm = nn.BatchNorm1d(4).double().eval()
    with observed(norm, torch.randn(6, 4, dtype=torch.float64)) as seen:
        assert seen.signal.statistics(seen.recording.trace) == {}
        assert record(norm, seen.args, {}, box=seen.box).outputs


def _normed() -> nn.Module:
    branch = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
    return Function(lambda x: x + branch(x), branch).eval()


def test_norms_that_never_saw_a_batch_use_that_of_the_scan_in_evaluation_mode_too() -> None:
    net, x = _normed(), torch.randn(6, 4)
    fresh, trained = (plusone.scan(net, x, quick=True, mode=mode) for mode in ("eval", "train"))
    assert fresh.blocks == trained.blocks
    assert fresh.provenance.mode.startswith("eval; 1 batch norms never saw a batch")
    assert not net.training
    assert not any(m.training for m in net.modules())


def test_norms_with_statistics_of_their_own_keep_them_in_evaluation_mode() -> None:
    net = _normed()
    net.train()(torch.randn(6, 4))
    report = plusone.scan(net.eval(), torch.randn(6, 4), quick=True)
    assert report.provenance.mode == "eval"


def test_one_sample_gives_no_statistics() -> None:
    assert plusone.scan(_normed(), torch.randn(1, 4), quick=True).provenance.mode == "eval"
