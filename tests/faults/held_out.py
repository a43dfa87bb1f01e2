"""Cases that were run once the rules were settled: other nets, widths, depths, seeds, positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faults import dense, graphs, healthy, in_blocks, in_depth, pictures, plants, starts, unseen
from faults.case import Built, Control, Fault
from faults.hosts import BERT_ATTN, GPT_MLP, MLP, MLP_PRE, RESNET, Host

SEED = 1000


def _times(batch: int, seed: int) -> Tensor:
    return torch.randn(batch, 12, 20, generator=torch.Generator().manual_seed(seed))


def _tokens(batch: int, seed: int) -> Tensor:
    return torch.randn(batch, 9, 12, generator=torch.Generator().manual_seed(seed))


def _host(
    name: str, net: Callable[[int], nn.Module], inputs: Callable[[int], object], **fields: object
) -> Host:
    def make(depth: int, seed: int) -> tuple[nn.Module, object]:
        torch.manual_seed(SEED + seed)
        return net(depth), inputs(SEED + seed)

    return Host(name=name, make=make, **fields)


HOSTS = (
    _host(
        "wavenet",
        lambda depth: unseen.WaveNet(depth, 40),
        lambda seed: _times(6, seed),
        depth=12,
        block="stack.{}",
        layers=("filter", "project"),
    ),
    _host(
        "mixer tokens",
        lambda depth: unseen.Mixer(depth, 9, 48),
        lambda seed: _tokens(5, seed),
        depth=8,
        block="layer.{}",
        branch="mix_t",
        layers=("mix_t.0", "mix_t.2"),
        flag="skips_t",
    ),
    _host(
        "mixer channels",
        lambda depth: unseen.Mixer(depth, 9, 64),
        lambda seed: _tokens(5, seed),
        depth=10,
        block="layer.{}",
        branch="mix_c",
        layers=("mix_c.0", "mix_c.2"),
        flag="skips_c",
    ),
    _host(
        "parallel transformer",
        lambda depth: unseen.ParallelTransformer(depth, 64),
        lambda seed: _tokens(4, seed),
        depth=9,
        block="layer{}",
        layers=("up", "down"),
        end="close",
    ),
    _host(
        "bottlenecks",
        lambda depth: unseen.bottlenecks(depth // 2, 16),
        lambda seed: pictures.images(8, 20, seed=seed),
        depth=14,
        block="1.{}",
        layers=("body.reduce", "body.conv", "body.expand"),
        end="body.norm3",
    ),
    _host(
        "convnext",
        lambda depth: unseen.ConvNeXt(depth, 24),
        lambda seed: pictures.images(4, 20, seed=seed),
        depth=11,
        block="features.{}",
        layers=("dw", "pw1", "pw2"),
    ),
    _host(
        "residual u-net",
        lambda depth: unseen.ResidualUNet(16),
        lambda seed: pictures.images(4, 16, seed=seed),
        depth=6,
        block="down.{}",
        layers=("conv1", "conv2"),
    ),
    _host(
        "sequential mlp",
        lambda depth: unseen.sequential(depth, 96),
        lambda seed: dense.rows(32, seed=seed),
        depth=18,
        block="{}",
        layers=("w1", "w2"),
    ),
    _host(
        "gin",
        lambda depth: unseen.GIN(depth, 40),
        lambda seed: graphs.graph(50, 4, seed=seed),
        depth=10,
        block="mlps.{}",
        layers=("0", "2"),
    ),
)
OLD = (
    replace(MLP.but(depth=30), make=lambda d, s: _wide_mlp(d, s, 80)),
    replace(MLP_PRE.but(depth=200), make=lambda d, s: _wide_mlp(d, s, 96, norm="pre", act=nn.SiLU)),
    replace(GPT_MLP.but(depth=14), seed=SEED),
    replace(BERT_ATTN.but(depth=9), seed=SEED),
    replace(RESNET.but(depth=12), seed=SEED),
)


def _wide_mlp(depth: int, seed: int, width: int, **options: object) -> tuple[nn.Module, object]:
    net = dense.residual(depth, width, seed=SEED + seed, **options)
    return net, dense.rows(24, seed=SEED + seed)


def faults() -> list[Fault]:
    """The held-out faults, in the order of their kinds."""
    places = [(h, _at(h, p)) for h in HOSTS for p in (0.45, 0.75)]
    places += [(h, _at(h, 0.55)) for h in OLD]
    places += [(HOSTS[0].but(dtype=torch.float64), 4), (HOSTS[2].but(has_loss=True), 3)]
    places += [(HOSTS[5].but(is_training=False), 6), (HOSTS[7].but(depth=40), 33)]
    edges = [(HOSTS[k], at) for k in (0, 2, 5) for at in (1, HOSTS[k].depth - 2)]
    kinds = (in_blocks.dead_branches, in_blocks.gains, in_blocks.missing_skips)
    found: list[Fault] = []
    for kind in kinds:
        for host, at in (*places, *edges):
            found += kind(host, at)
    for k, (host, at) in enumerate(places):
        found += list(in_blocks.non_finite(host, at))[k % 2 :: 2]
    # Two zero layers of the parallel transformer's MLP leave its attention alive.
    found = [f for f in found if not f.name.startswith("two zero layers: parallel")]
    return [*found, *_depth()]


def _at(host: Host, share: float) -> int:
    return max(1, int(share * host.depth))


def _depth() -> list[Fault]:
    return [
        in_depth.squashing_stack(25, 96, nn.Tanh, seed=SEED),
        in_depth.squashing_stack(120, 24, nn.Tanh, seed=SEED + 1),
        in_depth.squashing_stack(12, 80, nn.Sigmoid, seed=SEED + 2),
        in_depth.squashing_stack(60, 40, nn.Softsign, seed=SEED + 3),
        in_depth.embedded_stack(4, 30, 64, nn.Tanh, seed=SEED + 4),
        in_depth.embedded_stack(16, 12, 24, nn.Sigmoid, seed=SEED + 5),
        in_depth.saturated_stack(30, 48, 8.0, seed=SEED + 6),
        in_depth.saturated_stack(60, 32, 4.0, seed=SEED + 7),
        _looped(28, 56, torch.tanh, "G201"),
        _looped(10, 72, torch.sigmoid, "G201"),
        in_depth.gain_of_all(replace(MLP.but(depth=80), seed=SEED), 30.0, since=30),
        in_depth.gain_of_all(HOSTS[7].but(depth=30), 8.0, since=1),
        in_depth.gain_of_all(HOSTS[0].but(depth=30), 30.0),
        in_depth.gain_of_plain(15, 128, 2.0, SEED + 8),
        in_depth.gain_of_plain(45, 24, 2.0, SEED + 9),
        in_depth.gain_of_plain(20, 40, 0.5, SEED + 10),
        in_depth.gain_of_plain(200, 64, 0.5, SEED + 11),
        in_depth.dead_layer(14, 40, 6, SEED + 12, plants.shut, "shut units"),
        in_depth.dead_layer(9, 64, 5, SEED + 13, lambda m: plants.zeros([m]), "zero weights"),
        in_depth.plain_stack(24, 80, SEED + 14, dense.he()),
        in_depth.plain_stack(150, 40, SEED + 15, dense.orthogonal()),
        in_depth.plain_convolutions(32, 12, SEED + 16),
        in_depth.smoothed_nodes(24, 64, SEED + 17),
        in_depth.smoothed_nodes(64, 24, SEED + 18),
        in_depth.smoothed_tokens(12, 64, SEED + 19),
        in_depth.smoothed_tokens(24, 32, SEED + 20),
        in_depth.parallel_inputs(40, 96, SEED + 21),
        in_depth.parallel_inputs(90, 24, SEED + 22),
        in_depth.fading_signal(22, 80, SEED + 23),
        in_depth.fading_signal(70, 24, SEED + 24),
    ]


def _looped(depth: int, width: int, act: Callable[[Tensor], Tensor], code: str) -> Fault:
    def build() -> Built:
        torch.manual_seed(SEED)
        net = dense.NamedPlain(depth, width, act)
        return Built(model=net, inputs=dense.rows(seed=SEED), targets=1.0, loss_fn=_loss)

    return Fault(
        kind="tanh stack",
        name=f"{depth} {act.__name__} in a loop, with a loss",
        code=code,
        where=tuple(f"layers.{k}" for k in range(max(3, depth // 5))),
        also=("S101", "A303", "A304"),
        build=build,
        label="vanishing",
    )


def _loss(output: Tensor, target: float) -> Tensor:
    return F.mse_loss(output, torch.full_like(output, target))


def controls() -> list[Control]:
    """The held-out healthy models."""
    found = [healthy.host(h.but(seed=s)) for h in HOSTS for s in range(5)]
    found += [healthy.host(h.but(seed=h.seed + s)) for h in OLD for s in range(3)]
    found += [healthy.host(h.but(has_loss=True)) for h in HOSTS]
    found += [healthy.host(h.but(dtype=torch.float64)) for h in HOSTS[:4]]
    found += [healthy.started(h, s) for h in HOSTS[2:8:2] for s in starts.STARTS]
    return found
