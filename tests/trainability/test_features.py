"""Features and proxies against brute force on small nets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.trainability.data import images
from benchmarks.trainability.features import alignment, centred, measure, separability, summary_of
from benchmarks.trainability.nets import Net, build
from benchmarks.trainability.proxies import (
    gradient_scores,
    grasp,
    naswot,
    ntk_condition,
    proxies,
    synflow,
)
from benchmarks.trainability.spec import Arch
from torch import nn
from torch.nn import functional as F

ARCH = Arch(
    seed=3,
    kind="mlp",
    pattern="residual",
    norm="none",
    activation="tanh",
    depth=3,
    width=6,
    scale=0.5,
)


@pytest.fixture
def net() -> Net:
    return build(ARCH)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    data = images("mlp")
    return data.inputs[:24], data.targets[:24]


def _stream_jacobians(net: Net, x: torch.Tensor) -> torch.Tensor:
    """From the first block's input to the last block's output, sample by sample, [B, M, N]."""

    def stream(state: torch.Tensor) -> torch.Tensor:
        for k in range(ARCH.depth):
            state = state + ARCH.scale * torch.tanh(net.layers[f"l{k}"](state))
        return state

    start = net.layers["stem"](x).detach()
    return torch.stack([torch.autograd.functional.jacobian(stream, s) for s in start])


def test_the_end_to_end_features_are_those_of_the_dense_jacobian(
    net: Net, batch: tuple[torch.Tensor, torch.Tensor]
) -> None:
    found = measure(net, batch[0], head=net.layers["head"])
    values = torch.linalg.svdvals(_stream_jacobians(net, batch[0][:2]).double())
    square = values.square().mean()
    fourth = values.pow(4).mean()
    assert found["participation"] == pytest.approx(math.log10(6 * square**2 / fourth), abs=1e-3)
    assert found["singular_max"] == pytest.approx(
        math.log10(float(values.max(1).values.mean())), abs=1e-3
    )


def test_four_cotangents_give_gain_and_collapse_of_the_dense_jacobian(
    net: Net, batch: tuple[torch.Tensor, torch.Tensor]
) -> None:
    found = measure(net, batch[0], head=net.layers["head"])
    J = _stream_jacobians(net, batch[0][:16]).double()
    gain = math.log10(float(J.square().sum((1, 2)).mean()) / 6)
    assert found["jacobian_gain"] == pytest.approx(gain, abs=0.15)
    generator = torch.Generator().manual_seed(0)
    u_K1M = torch.randn(4, 1, 6, generator=generator, dtype=torch.float64)
    g_KBN = torch.einsum("bmn,km->kbn", J, u_K1M[:, 0])
    assert found["collapse"] == pytest.approx(summary_of(g_KBN, num_outputs=6)["collapse"], 1e-3)


def test_collapse_estimates_one_over_the_participation_ratio() -> None:
    generator = torch.Generator().manual_seed(1)
    J = torch.randn(80, 80, generator=generator, dtype=torch.float64)
    J = J * torch.logspace(0, -2, 80, dtype=torch.float64)
    u = torch.randn(400, 80, generator=generator, dtype=torch.float64)
    found = summary_of((u @ J)[:, None], num_outputs=80)
    s = torch.linalg.svdvals(J).square()
    assert found["collapse"] == pytest.approx(float(s.square().sum() / s.sum() ** 2), rel=0.15)


def test_gradients_of_a_linear_map_agree_between_samples() -> None:
    J = torch.randn(5, 5, dtype=torch.float64)
    u = torch.randn(4, 5, dtype=torch.float64)
    g_KBN = (u @ J)[:, None].expand(-1, 7, -1)
    found = summary_of(g_KBN, num_outputs=5)
    assert found["agreement"] == pytest.approx(1.0)
    assert found["gain_spread"] > 0


def test_alignment_is_one_for_turned_and_scaled_points() -> None:
    x = torch.randn(10, 4, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    assert alignment(x @ x.T, 9.0 * (x @ turn) @ (x @ turn).T) == pytest.approx(1.0)
    assert float(centred(x @ x.T).sum()) == pytest.approx(0.0, abs=1e-9)


def test_separability_is_full_for_classes_far_apart_and_chance_for_none() -> None:
    targets = torch.arange(10).repeat(20)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200, 8, generator=generator)
    centres = F.one_hot(targets, 10).float()
    apart = separability(torch.cat([50 * centres, noise], 1), targets)
    assert apart.neighbours == 1.0
    assert apart.linear == 1.0
    assert separability(torch.zeros(200, 4), targets).neighbours == 0.1
    assert separability(noise, targets).neighbours < 0.3


def test_a_measurement_leaves_the_net_as_it_was(net: Net) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    measure(net, images("mlp").inputs[:16], head=net.layers["head"])
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_gradient_norm_and_snip_are_sums_over_tensors(
    net: Net, batch: tuple[torch.Tensor, torch.Tensor]
) -> None:
    found = gradient_scores(net, *batch)
    F.cross_entropy(net(batch[0]), batch[1]).backward()
    norm = sum(float(p.grad.norm()) for p in net.parameters())
    snip = sum(float((p.detach() * p.grad).abs().sum()) for p in net.parameters())
    assert 10 ** found["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert 10 ** found["snip"] == pytest.approx(snip, rel=1e-4)


def test_grasp_is_the_hessian_times_the_gradient_by_finite_differences(
    net: Net, batch: tuple[torch.Tensor, torch.Tensor]
) -> None:
    score = grasp(net, *batch)
    net.double()
    x, targets = batch[0].double(), batch[1]

    def gradient() -> torch.Tensor:
        loss = F.cross_entropy(net(x), targets)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])

    weights = nn.utils.parameters_to_vector(net.parameters()).detach()
    g, step = gradient(), 1e-5
    ends = []
    for sign in (1, -1):
        nn.utils.vector_to_parameters(weights + sign * step * g, net.parameters())
        ends.append(gradient())
    total = -float(weights @ (ends[0] - ends[1]) / (2 * step))
    assert score == pytest.approx(math.copysign(math.log10(1 + abs(total)), total), rel=1e-3)


def test_synflow_of_a_plain_linear_chain_is_that_of_its_product() -> None:
    arch = replace(ARCH, pattern="plain", activation="linear")
    net = build(arch)
    names = ["stem", *(f"l{k}" for k in range(arch.depth)), "head"]
    product = torch.ones(64, 1, dtype=torch.float64)
    for name in names:
        product = net.layers[name].weight.detach().double().abs() @ product
    total = len(names) * float(product.sum())  # the biases are zero
    assert synflow(net, images("mlp").inputs[:2]) == pytest.approx(math.log10(total), abs=1e-6)


def test_naswot_is_the_determinant_of_the_agreement_of_codes(net: Net) -> None:
    x = images("mlp").inputs[:5]
    state, codes = net.layers["stem"](x), []
    for k in range(ARCH.depth):
        before = net.layers[f"l{k}"](state)
        codes.append(before > 0)
        state = state + ARCH.scale * torch.tanh(before)
    code = torch.cat(codes, 1)
    kernel = (code[:, None] == code[None]).sum(2).double()
    assert naswot(net, x) == pytest.approx(float(torch.logdet(kernel)), rel=1e-6)


def test_the_ntk_condition_is_that_of_the_gradients_gram_matrix(net: Net) -> None:
    x = images("mlp").inputs[:4]
    rows = []
    for sample in x:
        net.zero_grad()
        net(sample[None]).sum().backward()
        rows.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    J = torch.stack(rows).double().numpy()
    assert ntk_condition(net, x) == pytest.approx(-math.log10(np.linalg.cond(J @ J.T)), rel=1e-3)


@pytest.mark.parametrize("kind", ["mlp", "conv", "transformer", "graph"])
def test_every_kind_has_all_features_and_proxies(kind: str) -> None:
    norm = "batch" if kind in ("mlp", "conv") else "layer"
    net = build(replace(ARCH, kind=kind, norm=norm, activation="relu", place="pre"))
    data = images(kind)
    x = data.inputs[:16]
    found = measure(net, x, head=net.layers["head"]) | proxies(net, x, data.targets[:16])
    allowed = {"tokens_last"}
    assert {name for name, value in found.items() if math.isnan(value)} <= allowed
