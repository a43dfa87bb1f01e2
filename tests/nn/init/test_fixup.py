"""Fixup: the scale of each layer, the zero ends, one step's change flat in depth, refusals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nn.init.measure import HandWritten, assert_std, is_unchanged, stack, state
from nn.nets import SelfAttention, TwoLayers, mlp
from plusone.errors import InputError
from plusone.nn import (
    ConvProjection,
    FixupScale,
    HighwayGate,
    Residual,
    ScalarBias,
    initialize_,
)
from plusone.testing import assert_identity_at_init, first_update

WIDTH = 64


@pytest.mark.parametrize("depth", [1, 4, 81])
@pytest.mark.parametrize("num_layers", [2, 3, 5])
def test_inner_layers_are_hes_draw_times_the_power_of_the_paper(
    depth: int, num_layers: int
) -> None:
    net = stack(depth, num_layers, WIDTH)
    report = initialize_(net, "fixup")
    assert report.num_branches == depth
    for block in net[:depth]:
        *inner, last = (m for m in block.branch if isinstance(m, nn.Linear))
        for layer in inner:
            factor = depth ** (-1 / (2 * num_layers - 2))
            assert_std(layer.weight, factor * math.sqrt(2 / WIDTH))
            assert not layer.bias.any()
        assert not last.weight.any()
        assert not last.bias.any()
    assert not net[depth].weight.any()
    assert not net[depth].bias.any()
    assert len(report.touched) == 2 * (depth * num_layers + 1)


def test_the_papers_two_cases_are_l_to_the_minus_half_and_minus_quarter() -> None:
    """The authors' code: L^-0.5 for basic blocks (m = 2), L^-0.25 for bottlenecks (m = 3)."""
    for num_layers, factor in ((2, 0.25), (3, 0.5)):
        report = initialize_(stack(16, num_layers), "fixup")
        inner = {t.factor for t in report.touched if t.action == "He normal"}
        assert inner == {factor}


def test_fan_in_of_a_convolution_counts_its_window_and_its_group() -> None:
    branch = nn.Sequential(nn.Conv2d(16, 64, 3, groups=4), nn.ReLU(), nn.Conv2d(64, 16, 3))
    initialize_(Residual(branch), "fixup")
    assert_std(branch[0].weight, math.sqrt(2 / (4 * 9)))


def test_m_is_counted_in_each_branch_by_itself() -> None:
    net = nn.Sequential(*(Residual(mlp(WIDTH, m)) for m in (1, 2, 3)))
    report = initialize_(net, "fixup")
    assert not net[0].branch[0].weight.any()
    assert_std(net[1].branch[0].weight, 3**-0.5 * math.sqrt(2 / WIDTH))
    assert_std(net[2].branch[0].weight, 3**-0.25 * math.sqrt(2 / WIDTH))
    assert report.num_branches == 3


def test_branches_without_weights_do_not_count() -> None:
    net = nn.Sequential(Residual(mlp(WIDTH, 2)), Residual(nn.Tanh()), Residual(nn.LayerNorm(WIDTH)))
    assert initialize_(net, "fixup").num_branches == 1


def test_the_last_layer_is_that_which_runs_last_if_there_are_inputs() -> None:
    net = nn.Sequential(Residual(TwoLayers(WIDTH)), Residual(TwoLayers(WIDTH)))
    report = initialize_(net, "fixup", inputs=torch.randn(2, WIDTH))
    assert report.order == "called"
    for block in net:
        assert not block.branch.second.weight.any()
        assert_std(block.branch.first.weight, 2**-0.5 * math.sqrt(2 / WIDTH))
    assert initialize_(net, "fixup").order == "registered"


def test_it_finds_the_branches_of_a_net_without_our_modules() -> None:
    net = nn.Sequential(
        nn.Linear(8, WIDTH), *(HandWritten(WIDTH, TwoLayers) for _ in range(9)), nn.ReLU(),
        nn.Linear(WIDTH, 5),
    )  # fmt: skip
    stem = net[0].weight.clone()
    report = initialize_(net, "fixup", inputs=torch.randn(3, 8))
    assert (report.order, report.num_branches) == ("traced", 9)
    for block in net[1:10]:
        assert not block.branch.second.weight.any()
        assert_std(block.branch.first.weight, 9**-0.5 * math.sqrt(2 / WIDTH))
    assert not net[11].weight.any()
    assert torch.equal(net[0].weight, stem)


class AuthorsBlock(nn.Module):
    """As in the authors' code: scalars before each layer, a gain and a bias at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(6, 6, 3, padding=1, bias=False) for _ in range(2))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(1)) for _ in range(4))
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = self.biases
        out = self.conv1(x + a)
        out = self.conv2(torch.relu(out + b) + c) * self.gain + d
        return torch.relu(out + x)


def test_the_authors_block_keeps_its_gain_and_loses_its_last_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(3, 6, 1), AuthorsBlock(), AuthorsBlock())
    report = initialize_(net, "fixup", inputs=torch.randn(2, 3, 5, 5))
    assert report.num_branches == 2
    for block in net[1:]:
        assert not block.conv2.weight.any()
        assert block.conv1.weight.any()
        assert block.gain.item() == 1


def test_a_projection_that_runs_last_is_no_classifier() -> None:
    def block() -> Residual:
        branch = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1))
        return Residual(branch, skip=ConvProjection(6, 8, stride=2))

    x = torch.randn(2, 6, 8, 8)
    for inputs in (None, x):
        net = nn.Sequential(block())
        initialize_(net, "fixup", inputs=inputs)
        assert net[0].skip.conv.weight.any()
        assert torch.equal(net(x), net[0].skip(x))


def test_the_classifier_is_what_runs_last_and_several_candidates_are_refused() -> None:
    class Reversed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(Residual(mlp(8, 2)), Residual(mlp(8, 2)))
            self.head = nn.Linear(8, 3)
            self.stem = nn.Linear(4, 8)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.blocks(self.stem(x)))
            return out

    net = Reversed()
    before = state(net)
    with pytest.raises(InputError, match="head, stem are all registered behind the branches"):
        initialize_(net, "fixup")
    assert is_unchanged(net, before)
    initialize_(net, "fixup", inputs=torch.randn(2, 4))
    assert not net.head.weight.any()
    assert torch.equal(net.stem.weight, before["stem.weight"])


def test_with_fixups_scalars_a_block_is_the_identity_and_all_of_it_trains() -> None:
    branch = nn.Sequential(
        ScalarBias(), nn.Linear(8, 8), ScalarBias(), nn.ReLU(), ScalarBias(), nn.Linear(8, 8)
    )
    block = Residual(branch, scale=FixupScale())
    initialize_(block, "fixup")
    assert_identity_at_init(block, torch.randn(4, 8))


def test_a_scalar_at_the_branchs_end_is_not_taken_for_the_last_layer() -> None:
    branch = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), ScalarBias())
    initialize_(Residual(branch), "fixup")
    assert not branch[2].weight.any()


def test_a_generator_makes_it_repeatable_and_leaves_the_global_one() -> None:
    made = []
    for _ in range(2):
        net, after = stack(3), torch.get_rng_state()
        initialize_(net, "fixup", generator=torch.Generator().manual_seed(5))
        assert torch.equal(after, torch.get_rng_state())
        made.append(state(net))
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def weights(net: nn.Module) -> list[Tensor]:
    return [p for p in net.parameters() if p.dim() > 1]


def changes(depths: tuple[int, ...], num_layers: int, *, is_scaled: bool) -> list[list[float]]:
    """At each depth, the output's change by each of two steps on the weights; mean of 3 nets.

    The first step moves the zero layers only, the second all of them.
    """
    found = []
    for depth in depths:
        both = []
        for seed in range(3):
            torch.manual_seed(seed)
            net = stack(depth, num_layers, WIDTH)
            initialize_(net, "fixup")
            for block in net[:depth] if not is_scaled else ():
                for layer in list(block.branch)[: 2 * num_layers - 2 : 2]:
                    nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(net[depth].weight, std=WIDTH**-0.5)  # else no gradient passes it
            x = torch.randn(32, WIDTH)
            both.append([first_update(net, (x,), parameters=weights, rate=1e-3) for _ in range(2)])
        found.append([sum(step) / len(step) for step in zip(*both, strict=True)])
    return [list(step) for step in zip(*found, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("num_layers", [2, pytest.param(3, marks=pytest.mark.long)])
def test_one_step_changes_the_output_by_the_same_at_any_depth(num_layers: int) -> None:
    depths = (1, 8, 64, 256)
    first, second = changes(depths, num_layers, is_scaled=True)
    of_he, _ = changes(depths, num_layers, is_scaled=False)
    assert max(first) / min(first) < 1.5
    assert max(second) / min(second) < 1.5
    assert max(of_he) / min(of_he) > 50


def test_a_steps_change_is_in_proportion_to_its_size() -> None:
    small, large = [], []
    for found, rate in ((small, 1e-4), (large, 1e-3)):
        torch.manual_seed(0)
        net = stack(32, 2, WIDTH)
        initialize_(net, "fixup")
        nn.init.normal_(net[32].weight, std=WIDTH**-0.5)
        found.append(first_update(net, (torch.randn(32, WIDTH),), parameters=weights, rate=rate))
    assert large[0] / small[0] == pytest.approx(10, rel=0.05)


def test_biases_of_last_layers_all_move_alike_so_that_their_step_grows_with_depth() -> None:
    """What the module's text says beside the theory, which is of weights."""

    def biases(net: nn.Module) -> list[Tensor]:
        return [p for p in net.parameters() if p.dim() == 1]

    found = []
    for depth in (4, 64):
        net = stack(depth, 2, WIDTH)
        initialize_(net, "fixup")
        nn.init.normal_(net[depth].weight, std=WIDTH**-0.5)
        x = torch.randn(32, WIDTH)
        found.append(first_update(net, (x,), parameters=biases, rate=1e-3))
    assert found[1] / found[0] > 4


class Table(nn.Module):
    """A branch with a parameter of two dimensions that is no layer's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(8, 8))
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x @ self.table)
        return out


def spectral() -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))


@pytest.mark.parametrize(
    ("branch", "options", "message"),
    [
        (mlp(8, 2), {"norm": nn.LayerNorm(8)}, "for nets without a norm, and 1 has LayerNorm"),
        (nn.Sequential(mlp(8, 2), nn.LayerNorm(8)), {}, "1.branch.1 is LayerNorm. Take the norms"),
        (SelfAttention(8), {}, "1.branch.attention is MultiheadAttention"),
        (nn.GRUCell(8, 8), {}, "not known for 1.branch .GRUCell: weight_ih"),
        (Table(), {}, "not known for 1.branch .Table: table .8, 8"),
        (nn.Sequential(spectral(), nn.Linear(8, 8)), {}, "not known for 1.branch.0 .*: bias"),
        (nn.Sequential(nn.Bilinear(8, 8, 8)), {}, "not known for 1.branch.0 .Bilinear"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_touched(
    branch: nn.Module, options: dict[str, nn.Module], message: str
) -> None:
    net = nn.Sequential(Residual(mlp(8, 2)), Residual(branch, **options))
    before = state(net)
    with pytest.raises(InputError, match=message):
        initialize_(net, "fixup")
    assert is_unchanged(net, before)


def test_traced_norms_and_ends_that_nothing_closes_are_refused() -> None:
    def normed(width: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.Linear(width, width)
        )

    def opened(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, width), nn.Sigmoid())

    for branch, message in ((normed, "branch.1 is BatchNorm1d"), (opened, "the end of .* is none")):
        net = nn.Sequential(HandWritten(8, lambda width: mlp(width, 2)), HandWritten(8, branch))
        before = state(net)
        with pytest.raises(InputError, match=message):
            initialize_(net, "fixup", inputs=torch.randn(4, 8))
        assert is_unchanged(net, before)


def test_a_norm_in_the_stream_between_blocks_is_refused() -> None:
    blocks = nn.Sequential(HandWritten(8, lambda width: mlp(width, 2)), nn.LayerNorm(8))
    net = nn.Sequential(*blocks, HandWritten(8, lambda width: mlp(width, 2)))
    before = state(net)
    with pytest.raises(InputError, match="for nets without a norm, and the stream passes 1 before"):
        initialize_(net, "fixup", inputs=torch.randn(4, 8))
    assert is_unchanged(net, before)
    stem = nn.Sequential(nn.LayerNorm(8), HandWritten(8, lambda width: mlp(width, 2)))
    assert initialize_(stem, "fixup", inputs=torch.randn(4, 8)).num_branches == 1


def test_a_block_that_holds_two_gains_itself_runs_once() -> None:
    class TwoGains(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = mlp(8, 2), mlp(8, 2)
            self.gains = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.gains[0] * self.a(x)
            return x + self.gains[1] * self.b(x)

    net = nn.Sequential(TwoGains(), TwoGains())
    assert initialize_(net, "fixup", inputs=torch.randn(4, 8)).num_branches == 4
    assert all(gain.item() == 1 for block in net for gain in block.gains)


def test_a_gated_block_is_no_branch_of_a_sum() -> None:
    net = nn.Sequential(Residual(mlp(8, 2)), Residual(mlp(8, 2), skip=HighwayGate(8)))
    before = state(net[1])
    assert initialize_(net, "fixup").num_branches == 1
    assert is_unchanged(net[1], before)
