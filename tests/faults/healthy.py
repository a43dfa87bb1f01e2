"""Healthy models in which nothing may be found."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from faults import dense, graphs, others, pictures, sequences, starts
from faults.case import Built, Control
from faults.hosts import BERT_MLP, GPT_ATTN, GPT_MLP, HOSTS, MLP, MLP_PRE, RESNET, Host


def tuned() -> list[Control]:
    """The healthy models that the rules were set with."""
    deep = (MLP.but(depth=200), MLP_PRE.but(depth=100), GPT_ATTN.but(depth=24))
    deep += (BERT_MLP.but(depth=12), RESNET.but(depth=30))
    kinds = (MLP.but(dtype=torch.float64), MLP_PRE.but(dtype=torch.bfloat16))
    kinds += (GPT_MLP.but(has_loss=True), RESNET.but(has_loss=True))
    found = [host(h.but(seed=h.seed + s)) for h in HOSTS for s in (0, 1, 2)]
    found += [host(h) for h in (*deep, *kinds)]
    found += [started(h, s) for h in (MLP, MLP_PRE, RESNET, GPT_MLP) for s in starts.STARTS]
    found.append(started(GPT_MLP, starts.low_rank))
    return [*found, *_others()]


def host(h: Host) -> Control:
    """A host as it is."""
    return Control(kind="healthy", name=f"{h.name} of {h.depth}", build=h.built)


def started(h: Host, start: starts.Start) -> Control:
    """A host with another start."""

    def build() -> Built:
        built = h.built()
        start(h, built.model)
        return built

    return Control(
        kind="healthy start", name=f"{start.__name__.replace('_', ' ')}: {h.name}", build=build
    )


def _others() -> list[Control]:
    rows, images = dense.rows, pictures.images
    tokens, vectors, graph = sequences.tokens, sequences.vectors, graphs.graph
    return [
        model("six plain layers", lambda: dense.plain(6), rows),
        model("plain tanh at the edge of chaos", lambda: dense.plain(16, 64, act=nn.Tanh), rows),
        model(
            "20 plain orthogonal layers",
            lambda: dense.plain(
                18, 64, act=nn.Tanh, init=dense.orthogonal(1.05), norm=nn.LayerNorm
            ),
            rows,
        ),
        model("vgg of 13", lambda: pictures.vgg(13), images),
        model("vgg of 16 with batch norm", lambda: pictures.vgg(16, has_norm=True), images),
        model("u-net", lambda: pictures.unet(3), images),
        model("u-net of 4", lambda: pictures.unet(4, 4), images),
        model("resnet of three stages", lambda: pictures.resnet((3, 4, 3)), images),
        model("densenet", lambda: others.DenseNet(12, 6), images),
        model("highway of 20", lambda: others.Highway(20, 32), rows),
        model("squeeze and excitation", lambda: others.Gated(8, 16), images),
        model("two LSTMs", lambda: others.Recurrent(24), vectors),
        model("autoencoder", others.Autoencoder, rows),
        model(
            "adaptive norms at zero",
            lambda: others.Adaptive(6, 32),
            lambda: (vectors(), torch.randn(4, 4)),
        ),
        model(
            "torch encoder, pre-norm",
            lambda: others.encoder(6, 32, norm_first=True),
            lambda: torch.randn(4, 10, 32),
        ),
        model(
            "torch encoder, post-norm of 12",
            lambda: others.encoder(12, 32, norm_first=False),
            lambda: torch.randn(4, 10, 32),
        ),
        model("gcnii of 32", lambda: graphs.gcn(32, kind="initial"), graph),
        model("gcn of 3", lambda: graphs.gcn(3), graph),
        model("gpt of 4 with a batch of 1", lambda: sequences.transformer(4), lambda: tokens(1)),
    ]


def model(name: str, make: Callable[[], nn.Module], inputs: Callable[[], object]) -> Control:
    """A model with its inputs, from seed 0."""

    def build() -> Built:
        torch.manual_seed(0)
        return Built(model=make(), inputs=inputs())

    return Control(kind="healthy", name=name, build=build)
