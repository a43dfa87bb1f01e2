"""Closed forms of patterns of skips: against the Gram recursion, `predict` and real random nets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from plusone.errors import InputError
from plusone.theory import chain_dag, correlation_profile, dag_log_moment, predict
from plusone.theory.activations import FAN_FACTOR, Activation
from plusone.theory.setting import setting
from plusone.theory.skip_chain import Order, SkipChain, Start, pattern_law
from theory.random_nets import APPLY

LAYERS = 12
Spans = NDArray[np.intp]


@st.composite
def patterns(draw: st.DrawFn) -> Spans:
    length = draw(st.integers(1, 9))
    return np.array([draw(st.integers(0, t)) for t in range(1, length + 1)])


def pairs(spans: Spans) -> list[tuple[int, int]]:
    return [(t - s, t) for t, s in enumerate(spans.tolist(), start=1) if s]


@given(patterns(), st.floats(0.05, 3.0))
@settings(max_examples=60, deadline=None)
def test_the_moment_is_that_of_the_gram_recursion(spans: Spans, strength: float) -> None:
    strengths = strength * np.linspace(0.5, 1.5, len(spans))
    law = pattern_law(SkipChain(strength=strengths), spans)
    exact = dag_log_moment(chain_dag(len(spans), pairs(spans), strength=strengths))
    assert float(law.log_second_moment) == pytest.approx(exact, abs=1e-10)


@given(patterns())
@settings(max_examples=40, deadline=None)
def test_the_effective_depth_is_the_slope_of_the_moment(spans: Spans) -> None:
    def moment(factor: float) -> float:
        return dag_log_moment(chain_dag(len(spans), pairs(spans), strength=0.7 * factor))

    law = pattern_law(SkipChain(strength=np.full(len(spans), 0.7)), spans)
    slope = (moment(1 + 1e-5) - moment(1 - 1e-5)) / 2e-5
    assert float(law.effective_depth) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "gelu"])
def test_skips_over_single_layers_give_what_predict_gives(
    activation: Activation, norm: str
) -> None:
    pattern = np.array([1, 0, 1, 1, 0, 1, 1, 1])
    chain = SkipChain(strength=np.full(8, 0.8), activation=activation, has_norm=norm == "layer")
    law = pattern_law(chain, pattern)
    options = {"pattern": pattern, "gain": 0.8, "activation": activation, "norm": norm}
    known = predict(**options)  # type: ignore[arg-type]
    assert float(law.log_second_moment) == pytest.approx(float(known.log_second_moment), abs=1e-6)
    profile = correlation_profile(setting(**options))  # type: ignore[arg-type]
    assert float(law.log_gap) == pytest.approx(float(profile.log_gap[-1]), abs=1e-6)


def test_a_scale_is_a_branch_of_less_strength_where_a_skip_ends() -> None:
    spans = np.array([1, 0, 2, 1, 0, 3])
    scaled = pattern_law(SkipChain(strength=np.ones(6)), spans, scale=0.5)
    weaker = SkipChain(strength=np.where(spans > 0, 0.25, 1.0))
    law = pattern_law(weaker, spans)
    assert float(scaled.log_second_moment) == pytest.approx(float(law.log_second_moment))
    assert float(scaled.log_gap) == pytest.approx(float(law.log_gap))


def test_many_patterns_are_what_each_is_alone() -> None:
    rng = np.random.default_rng(0)
    spans = np.stack([[rng.integers(0, t + 1) for t in range(1, 8)] for _ in range(6)])
    chain = SkipChain(strength=np.ones(7), activation="gelu", order="last", width=50)
    law = pattern_law(chain, spans.reshape(2, 3, 7))
    for i, row in enumerate(spans):
        alone = pattern_law(chain, row)
        for name in ("mean_log_norm", "var_log_norm", "effective_depth", "log_gap"):
            each = getattr(law, name).reshape(-1)[i]
            assert float(each) == pytest.approx(float(getattr(alone, name)), rel=1e-9, abs=1e-9)


def test_a_long_chain_overflows_nothing() -> None:
    spans = np.minimum(np.arange(1, 5001), 2)
    law = pattern_law(SkipChain(strength=np.full(5000, 1.5)), spans)
    assert math.isfinite(float(law.log_second_moment))
    assert float(law.log_second_moment) > 1000
    cut = pattern_law(SkipChain(strength=np.zeros(3)), np.array([1, 0, 1]))
    assert float(cut.log_second_moment) == -math.inf
    assert float(cut.effective_depth) == 0


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([0, 1], "one for each of 3 layers"),
        ([0.0, 1.0, 1.0], "whole numbers"),
        ([2, 0, 0], "layer 1 has a span of 0 .none. to 1, not 2"),
        ([0, -1, 0], "not -1"),
    ],
)
def test_spans_that_fit_no_chain_are_said_to(spans: list[float], why: str) -> None:
    with pytest.raises(InputError, match=why):
        pattern_law(SkipChain(strength=np.ones(3)), spans)


def drawn_logs(spans: Spans, masks: Tensor, width: int, seed: int) -> Tensor:
    """ln(|g_in| / |g_out|) of one draw of a ReLU chain, for each row of `masks`: the skips that are
    kept."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(width, generator=generator).expand(len(masks), width).clone().requires_grad_()
    nodes = [x]
    for t, span in enumerate(spans.tolist(), start=1):
        weight = torch.randn(width, width, generator=generator) * math.sqrt(2 / width)
        nodes.append(torch.relu(nodes[-1] @ weight) + masks[:, t - 1, None] * nodes[t - span])
    cotangent = torch.randn(width, generator=generator)
    (gradient,) = torch.autograd.grad((nodes[-1] @ cotangent).sum(), x)
    return (gradient.pow(2).sum(-1) / cotangent.pow(2).sum()).log() / 2


def drawn_chains(
    spans: Spans, activation: Activation, order: Order, width: int, num_draws: int
) -> tuple[Tensor, Tensor]:
    """ln(|g_in| / |g_out|) and ln(1 - c) of independent draws of a chain."""
    generator = torch.Generator().manual_seed(0)
    phi = APPLY[activation]

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    x = torch.linalg.qr(normal(num_draws, width, 2)).Q.mT * math.sqrt(width)
    x.requires_grad_()
    nodes = [x]
    for t, span in enumerate(spans.tolist(), start=1):
        weight = normal(num_draws, width, width) * math.sqrt(FAN_FACTOR[activation] / width)
        y = phi(nodes[-1]) @ weight if order == "first" else phi(nodes[-1] @ weight)
        nodes.append(y + nodes[t - span] if span else y)
    cotangent = normal(num_draws, width)
    (gradient,) = torch.autograd.grad((nodes[-1][:, 0] * cotangent).sum(), x)
    ratio = gradient[:, 0].pow(2).sum(-1) / cotangent.pow(2).sum(-1)
    first, second = nodes[-1].detach().double().unbind(1)
    return ratio.log() / 2, (1 - torch.cosine_similarity(first, second, dim=-1)).log()


@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "gelu"])
def test_moments_and_correlation_are_those_of_real_nets(
    activation: Activation, order: Order
) -> None:
    spans, width, num_draws = np.array([0, 2, 0, 1, 4, 0, 0, 3]), 128, 400
    logs, gaps = drawn_chains(spans, activation, order, width, num_draws)
    chain = SkipChain(strength=np.ones(len(spans)), activation=activation, order=order, width=width)
    law = pattern_law(chain, spans)
    for values, closed in ((logs, law.mean_log_norm), (gaps, law.log_gap)):
        error = float(values.std()) / math.sqrt(num_draws)
        # A constant direction grows with an activation that comes last, by order 1/width a layer.
        assert abs(float(values.mean()) - float(closed)) < 3 * error + 8 / width
    # Three errors of a variance from 400 draws are 0.21; a factor of two is far outside.
    assert float(logs.var()) == pytest.approx(float(law.var_log_norm), rel=0.4)


@pytest.mark.parametrize("spans", [[1] * 12, [1, 2, 1, 3, 5, 1, 6, 2, 7, 4, 9, 3]])
def test_all_patterns_are_ranked_as_real_nets_rank_them(spans: list[int]) -> None:
    masks = (np.arange(2**LAYERS)[:, None] >> np.arange(LAYERS)) & 1
    reach = np.array(spans)
    rows = torch.tensor(masks, dtype=torch.float32)
    measured = torch.stack([drawn_logs(reach, rows, 64, k) for k in range(32)]).mean(0)
    chain = SkipChain(strength=np.ones(LAYERS), order="last", width=64)
    law = pattern_law(chain, masks * reach)
    assert spearman(measured.numpy(), law.mean_log_norm) > 0.98


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The rank correlation, ties having their mean rank."""
    stats = pytest.importorskip("scipy.stats")
    return float(stats.spearmanr(a, b).statistic)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_linear_chain_begins_where_it_is_said_to(scale: float) -> None:
    """Linear layers keep 1 - c, and R does not depend on the stream's size; behind a norm it does:
    with q_t = q + t alpha^2 the product of 1 + alpha^2 / q_t over the layers is q_L / q."""
    spans, start = np.ones(6, dtype=int), Start(moment=0.3, gap=0.2)
    one = np.ones(6)
    free = pattern_law(
        SkipChain(strength=one, activation="linear", start=start), spans, scale=scale
    )
    assert float(free.log_gap) == pytest.approx(math.log(0.2))
    assert float(free.log_second_moment) == pytest.approx(6 * math.log(1 + scale**2))
    normed = pattern_law(
        SkipChain(strength=one, activation="linear", has_norm=True, start=start), spans, scale=scale
    )
    assert float(normed.log_second_moment) == pytest.approx(math.log(1 + 6 * scale**2 / 0.3))


def test_a_mean_at_the_start_adds_to_the_means_of_branches() -> None:
    """x + ReLU(W x) of streams that are all of one value v: q = v^2 + 2 v mu + q_branch."""
    start = Start(moment=4.0, gap=0.5, mean=1.0)
    chain = SkipChain(strength=np.ones(2), order="last", has_norm=True, start=start)
    law = pattern_law(chain, [1, 1])
    # Behind the norm u ~ N(0, 2): mu = sqrt(2 / (2 pi)), E ReLU(u)^2 = 1.
    mu = math.sqrt(1 / math.pi)
    second = 4 + 2 * 2 * mu + 1
    assert float(law.log_second_moment) == pytest.approx(
        math.log((1 + 1 / 4) * (1 + 1 / second)), rel=1e-9
    )


def test_a_norm_may_stand_in_some_layers_alone() -> None:
    chain = SkipChain(
        strength=np.ones(3),
        activation="linear",
        has_norm=np.array([True, False, True]),
        start=Start(moment=0.5),
    )
    # q: 0.5, then 0.5 + 1, then twice that, as the branch without a norm hands on what it gets.
    expected = (1 + 1 / 0.5) * (1 + 1) * (1 + 1 / 3.0)
    assert float(pattern_law(chain, [1, 1, 1]).log_second_moment) == pytest.approx(
        math.log(expected)
    )
