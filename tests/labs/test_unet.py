"""The U-Net lab: its scores against counted pixels, its bands against written-out transforms, its
paths, and what plusone.fix does to a net of torch's layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from plusone.labs.base import Arm, RunConfig, run_lab
from plusone.labs.data import Split
from plusone.labs.layer_paths import layer_paths
from plusone.labs.unet.bands import (
    changes,
    in_band,
    radial_frequency,
    spectrum,
    without_band,
)
from plusone.labs.unet.encoder_decoder import EncoderDecoder
from plusone.labs.unet.lab import LAB
from plusone.labs.unet.nets import END, START, long_skips, net_of, repaired, some, warning
from plusone.labs.unet.scores import boundary_f1, iou

import support.torchvision_cpu  # noqa: F401


def masks(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two masks of smooth blobs that overlap in part."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.mgrid[:40, :40], -1)
    centres, radii = rng.uniform(5, 35, (4, 2)), rng.uniform(3, 9, 4)
    far = [np.linalg.norm(grid - centre, axis=-1) for centre in centres]
    moved = [np.linalg.norm(grid - centre - rng.normal(0, 2, 2), axis=-1) for centre in centres]
    return tuple(
        torch.tensor(np.any([d < r for d, r in zip(each, radii, strict=True)], 0))
        for each in (far, moved)
    )


def edge(mask: torch.Tensor) -> np.ndarray:
    """The places [E, 2] of a mask with a neighbour that is not in it."""
    inside = np.pad(mask.numpy(), 1)
    around = [np.roll(inside, s, a)[1:-1, 1:-1] for s in (1, -1) for a in (0, 1)]
    return np.argwhere(mask.numpy() & ~np.all(around, 0))


def test_boundaries_are_compared_within_the_tolerance() -> None:
    square = torch.zeros(20, 20, dtype=torch.bool)
    square[5:12, 5:12] = True
    empty = torch.zeros_like(square)
    assert boundary_f1(square, square.roll(2, 0), tolerance=2) == 1
    assert 0 < boundary_f1(square, square.roll(3, 0), tolerance=2) < 1
    assert boundary_f1(square, square.roll(8, 1), tolerance=0.5) == 0
    assert boundary_f1(square, empty) == boundary_f1(empty, square) == 0
    assert boundary_f1(empty, empty) == 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_f1_of_boundaries_counts_pairs_of_pixels_that_are_near(seed: int) -> None:
    found, wanted = masks(seed)
    near = np.linalg.norm(edge(found)[:, None] - edge(wanted)[None], axis=-1) <= 2
    precision, recall = near.any(1).mean(), near.any(0).mean()
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f1(found, wanted) == pytest.approx(expected, abs=1e-12)


def test_the_border_of_a_picture_is_a_boundary_where_the_mask_reaches_it() -> None:
    corner = torch.zeros(12, 12, dtype=torch.bool)
    corner[:6, :6] = True
    moved = corner.roll(3, 1)
    near = np.linalg.norm(edge(corner)[:, None] - edge(moved)[None], axis=-1) <= 2
    precision, recall = near.any(1).mean(), near.any(0).mean()
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f1(corner, moved) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_iou_counts_pixels_in_both_over_pixels_in_either(seed: int) -> None:
    found, wanted = masks(seed)
    a, b = ({tuple(place) for place in mask.nonzero().tolist()} for mask in (found, wanted))
    assert iou(found, wanted) == pytest.approx(len(a & b) / len(a | b), abs=1e-6)
    empty = torch.zeros_like(found)
    assert (iou(found, empty), iou(empty, empty)) == (0, 1)


def test_a_wave_is_in_the_ring_of_its_frequency_alone() -> None:
    row = torch.arange(48, dtype=torch.float64)
    wave = torch.cos(2 * torch.pi * 10 / 48 * row).expand(1, 1, 32, 48)  # 0.208 cycles a pixel
    found = spectrum(3 + wave)
    assert int(found.argmax()) == 5  # from 5/24 = 0.2083 on
    assert float(found[5]) == pytest.approx(1, abs=1e-12)
    assert in_band(wave, (0.1, 0.3)).sub(wave).abs().max() < 1e-12
    assert in_band(wave, (0.3, 0.71)).abs().max() < 1e-12


def test_power_in_rings_is_that_of_the_transform_written_out() -> None:
    x = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    rows, columns = (
        torch.exp(-2j * torch.pi * torch.outer(torch.arange(n), torch.arange(n)).double() / n)
        for n in (6, 8)
    )
    power = (rows @ x.to(torch.complex128) @ columns).abs().square().sum((0, 1))
    frequency = radial_frequency(6, 8)
    assert float(frequency[3, 4]) == pytest.approx(0.5**0.5)
    is_first = (frequency < 1 / 6) & (frequency > 0)
    expected = power[is_first].sum() / (power.sum() - power[0, 0])
    assert float(spectrum(x)[:4].sum()) == pytest.approx(float(expected), abs=1e-10)


def test_a_band_and_the_rest_add_up() -> None:
    x = torch.randn(1, 2, 16, 16, dtype=torch.float64)
    low, high = in_band(x, (0, 0.2)), in_band(x, (0.2 + 1e-9, 0.71))
    torch.testing.assert_close(low + high, x, rtol=0, atol=1e-12)
    torch.testing.assert_close(in_band(low, (0, 0.2)), low, rtol=0, atol=1e-12)


def nets(kept: str = "all", levels: int = 2) -> torch.nn.Module:
    torch.manual_seed(0)
    return net_of(levels, kept, width=2).double().eval()


def test_without_skips_the_whole_response_is_the_deep_paths() -> None:
    x, change = torch.randn(2, 2, 1, 16, 16, dtype=torch.float64)
    deep, skips, both = changes(nets("none"), x, 1e-4 * change)
    assert torch.equal(deep, both)
    assert float(both.abs().max()) > 0
    assert float(skips.abs().max()) == 0


def test_changes_over_the_skips_and_over_the_deep_path_add_up_to_first_order() -> None:
    x, change = torch.randn(2, 2, 1, 16, 16, dtype=torch.float64)
    deep, skips, both = changes(nets(levels=3), x, 1e-7 * change)
    assert min(float(y.abs().max()) for y in (deep, skips)) > 1e-9
    torch.testing.assert_close(deep + skips, both, rtol=0, atol=1e-4 * float(both.abs().max()))


def test_a_band_is_taken_from_the_finest_skip_alone() -> None:
    net, x = nets(), torch.randn(1, 1, 16, 16, dtype=torch.float64)
    with without_band(net, (0.0, 0.71), of_skip=True):
        bare = net(x)
    coarse = nets()
    long_skips(coarse)[0].join = long_skips(nets("none"))[0].join
    torch.testing.assert_close(bare, coarse(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_shortest_path_has_four_layers_with_skips_and_five_a_level_without(levels: int) -> None:
    x = torch.randn(2, 1, 16, 16)
    whole = layer_paths(net_of(levels, "all", width=2), (x,), START, END)
    bare = layer_paths(net_of(levels, "none", width=2), (x,), START, END)
    assert (whole.min_length, whole.max_length) == (4, 5 * levels + 2)
    assert bare.min_length == bare.max_length == 5 * levels + 2
    assert whole.log10_count == pytest.approx(np.log10(levels + 1))


@pytest.mark.parametrize(
    ("kept", "fires"), [("all", False), ("finest", False), ("coarsest", True), ("none", True)]
)
def test_s105_fires_where_no_fine_skip_is_kept(kept: str, fires: bool) -> None:
    x, y = torch.randn(4, 1, 32, 32), torch.rand(4, 1, 32, 32).round()
    assert warning(net_of(4, kept, width=2), Split(x, y, x, y))[0] == fires


def test_fix_gives_a_net_of_torch_layers_the_skips_that_it_lacks() -> None:
    x, y = torch.randn(4, 1, 32, 32), torch.rand(4, 1, 32, 32).round()
    data = Split(x, y, x, y)
    net = EncoderDecoder(width=2, num_levels=4)
    assert not any(type(m).__module__.startswith("plusone.nn") for m in net.modules())
    count = sum(p.numel() for p in net.parameters())
    assert count == sum(p.numel() for p in net_of(4, "none", width=2).parameters())
    assert warning(net, data) == (True, 1 / 16)
    assert warning(repaired(net, data), data) == (False, 1)


def test_some_pictures_are_at_most_64_evenly_spaced() -> None:
    assert some(torch.arange(10)).tolist() == list(range(10))
    assert some(torch.arange(129)).tolist() == list(range(0, 129, 3))


@pytest.mark.timeout(60)
def test_a_reduced_lab_loses_the_edges_without_skips() -> None:
    plan = LAB.plan(False)
    wanted = ("finest, 4 levels", "none, 4 levels")
    arms = {arm.name: arm for arm in plan.arms}
    options = {"steps": 30}
    found = {
        name: LAB.measure(Arm(name=name, options={**arms[name].options, **options}), 0)
        for name in wanted
    }
    whole, bare = (found[name] for name in wanted)
    assert whole["iou"] > bare["iou"] + 0.1
    assert whole["train iou"] > bare["train iou"] + 0.1
    assert whole["parameters"] == bare["parameters"]
    assert bare["fires"]
    assert not whole["fires"]


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_finds_that_the_finest_skip_brings_the_edges(tmp_path: Path) -> None:
    found = run_lab("unet", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["iou"] > 0.1
    assert mean["finest"] > mean["coarsest"]
    assert (mean["paths-with"], round(mean["paths-without"], 9)) == (0, 5)
    assert mean["parameters"] == 0
    unmeasured = {o.prediction.key for o in found.outcomes if o.unmeasured}
    assert unmeasured == {"longer", "own-repair"}
