"""The cases that the rules were set with."""

from __future__ import annotations

import torch
from torch import nn

from faults import dense, in_blocks, in_depth, plants
from faults.case import Fault
from faults.hosts import BERT_MLP, GPT_ATTN, HOSTS, MLP, MLP_PRE, MLP_RAW, RESNET, RESNET_FREE

POSITIONS = (0.3, 0.7)


def tuned() -> list[Fault]:
    """All faults, in the order of their kinds."""
    places = [(h, int(p * h.depth)) for h in HOSTS for p in POSITIONS]
    places += [(MLP.but(dtype=torch.float64), 5), (RESNET.but(is_training=False), 4)]
    places += [(MLP.but(has_loss=True), 7), (GPT_ATTN.but(has_loss=True, is_training=False), 2)]
    places += [(MLP.but(depth=60), 40), (MLP_PRE.but(depth=100), 50)]
    edges = [(h, k) for h in (MLP, MLP_PRE, RESNET, BERT_MLP) for k in (0, h.depth - 1)]
    found: list[Fault] = []
    for host, at in (*places, *edges):
        found += in_blocks.dead_branches(host, at)
    for host, at in (*places, *edges):
        found += in_blocks.gains(host, at)
    for host, at in (*places, *edges):
        found += in_blocks.missing_skips(host, at)
    for k, (host, at) in enumerate(places):
        found += list(in_blocks.non_finite(host, at))[k % 2 :: 2]
    for host in (MLP, RESNET_FREE):
        found += in_blocks.half_overflow(host, 7)
    return [*found, *_depth()]


def _depth() -> list[Fault]:
    return [
        in_depth.squashing_stack(20, 32, nn.Tanh, seed=0),
        in_depth.squashing_stack(50, 64, nn.Tanh, seed=1),
        in_depth.squashing_stack(8, 32, nn.Sigmoid, seed=2),
        in_depth.squashing_stack(30, 32, nn.Sigmoid, seed=3),
        in_depth.embedded_stack(6, 20, 32, nn.Tanh, seed=4),
        in_depth.embedded_stack(10, 8, 48, nn.Sigmoid, seed=5),
        in_depth.saturated_stack(20, 32, 6.0, seed=6),
        in_depth.saturated_stack(40, 64, 3.0, seed=7),
        in_depth.gain_of_all(MLP_RAW.but(depth=20)),
        in_depth.gain_of_all(MLP.but(depth=50), 14.0, since=10),
        in_depth.gain_of_all(MLP.but(depth=24), 15.0, since=8),
        in_depth.gain_of_all(RESNET_FREE.but(depth=16), 5.0),
        in_depth.gain_of_plain(12, 32, 2.0, seed=8),
        in_depth.gain_of_plain(30, 48, 2.0, seed=9),
        in_depth.gain_of_plain(100, 32, 2.0, seed=10),
        in_depth.gain_of_plain(16, 64, 0.5, seed=11),
        in_depth.dead_layer(12, 32, 4, 30, plants.shut, "shut units"),
        in_depth.dead_layer(16, 48, 9, 31, lambda m: plants.zeros([m]), "zero weights"),
        in_depth.plain_stack(30, 48, 12, dense.orthogonal()),
        in_depth.plain_stack(60, 32, 13, dense.orthogonal()),
        in_depth.plain_convolutions(26, 8, 14),
        in_depth.smoothed_nodes(32, 32, 15),
        in_depth.smoothed_nodes(16, 48, 16),
        in_depth.smoothed_tokens(8, 32, 17),
        in_depth.smoothed_tokens(16, 48, 18),
        in_depth.parallel_inputs(30, 64, 19),
        in_depth.parallel_inputs(60, 32, 20),
        in_depth.fading_signal(16, 48, 21),
        in_depth.fading_signal(40, 32, 22),
    ]
