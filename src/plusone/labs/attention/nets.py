"""The nets of the lab with and without attention, and their steps one by one."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.labs.attention.tasks import PAD, Pair, Task
from plusone.labs.layer_paths import layer_paths
from plusone.nn.models import Seq2Seq
from plusone.nn.models.seq2seq import AttentionName, State

LONG = 20


def net_of(task: Task, *, width: int, has_attention: bool) -> Seq2Seq:
    """A GRU that reads and one that writes, without attention wider: the same parameters.

    The words of a task may have embeddings of unit variance, torch's own, in both nets: within 0.1,
    as the recurrent weights, the states begin near 0.02, and after 600 steps no net translates.
    Letters are learned better with those.
    """
    sizes = (len(task.source_words), len(task.target_words))
    if not has_attention:
        with torch.random.fork_rng(devices=[]):
            wanted = num_parameters(Seq2Seq(*sizes, width=width, cell="gru", attention="general"))
            width = min(
                range(width, 2 * width),
                key=lambda w: abs(
                    num_parameters(Seq2Seq(*sizes, width=w, cell="gru", attention=None)) - wanted
                ),
            )
    attention: AttentionName | None = "general" if has_attention else None
    net = Seq2Seq(*sizes, width=width, cell="gru", attention=attention)
    if task.has_unit_embeddings:
        for embedding in (net.source_embedding, net.target_embedding):
            nn.init.normal_(embedding.weight)
    return net


def num_parameters(net: nn.Module) -> int:
    """How many numbers the net learns."""
    return sum(p.numel() for p in net.parameters())


class Reader(nn.Module):
    """`net` on a pair of sentences: logits of each word of the target but the first."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pair: Pair) -> Tensor:
        logits: Tensor = self.net(pair[0], pair[1][:, :-1])
        return logits


def loss_of(logits: Tensor, pair: Pair) -> Tensor:
    """Cross-entropy of the words, padding left out."""
    return F.cross_entropy(logits.flatten(0, 1), pair[1][:, 1:].flatten(), ignore_index=PAD)


def sentences(task: Task, length: int, *, batch: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random tokens to read, and as many that have been written before."""
    generator = torch.Generator().manual_seed(seed)
    sizes = (len(task.source_words), len(task.target_words))
    source, target = (torch.randint(4, n, (batch, length), generator=generator) for n in sizes)
    return source, target


def warning(net: nn.Module, task: Task) -> bool:
    """Whether a scan finds S106 at 20 words."""
    report = plusone.scan(net, sentences(task, LONG), quick=True, timed=False)
    return any(f.code == "S106" for f in report.findings)


def repaired(net: nn.Module, task: Task) -> nn.Module:
    """What plusone.fix makes of a net, without trials."""
    return plusone.fix(net, sentences(task, LONG), trial_steps=0).apply()


def advance(net: Seq2Seq, memory: Tensor, state: State, tokens: Tensor) -> tuple[Tensor, State]:
    """One step of the decoder: logits [N, 1, words] behind `tokens` [N, 1], and the next state."""
    states, state = net.decoder(net.target_embedding(tokens), state)
    if net.general is not None and net.mix is not None:
        context = net.general(states, memory) @ memory
        states = torch.tanh(net.mix(torch.cat((context, states), 2)))
    logits: Tensor = net.head(states)
    return logits, state


class Unrolled(nn.Module):
    """The net word by word: from the first word's embedding [N, 1, width] to the last's logits.

    The same as the net itself, as a graph in which each step is a node.
    """

    def __init__(self, net: Seq2Seq) -> None:
        super().__init__()
        self.net = net

    def forward(self, first: Tensor, source: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            rest = self.net.source_embedding(source[:, 1:])
            words = self.net.target_embedding(target)
        memory, state = self.net.encoder(first)
        outputs = [memory]
        for word in rest.split(1, dim=1):
            output, state = self.net.encoder(word, state)
            outputs.append(output)
        for word in words.split(1, dim=1):
            states, state = self.net.decoder(word, state)
        if self.net.general is not None and self.net.mix is not None:
            memory = torch.cat(outputs, 1)
            context = self.net.general(states, memory) @ memory
            states = torch.tanh(self.net.mix(torch.cat((context, states), 2)))
        logits: Tensor = self.net.head(states)
        return logits


def gradient_to_first(net: Seq2Seq, source: Tensor, target: Tensor) -> float:
    """The norm of the gradient of the last word's logits, by a random direction, to the first
    word's embedding: the root mean square over sentences, float64."""
    net = copy.deepcopy(net).double()
    first = net.source_embedding(source[:, :1]).detach().requires_grad_()
    logits = Unrolled(net)(first, source, target)
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(logits.shape, generator=generator, dtype=logits.dtype)
    (gradient,) = torch.autograd.grad(logits, first, direction)
    return float(gradient.square().sum((1, 2)).mean().sqrt())


def decay_law(width: float) -> float:
    """Decades by which a GRU's step changes the gradient at the start, over many steps.

    log10 of the largest eigenvalue of dh'/dh = I/2 + W/4 (both gates at 1/2), W uniform within 0.1,
    whose eigenvalues fill a disc of radius 0.1 sqrt(width / 3) (circular law, wide layers).
    """
    return math.log10(0.5 + 0.1 * math.sqrt(width / 3) / 4)


def shortest_path(net: Seq2Seq, source: Tensor, target: Tensor) -> int:
    """Layers and recurrent steps from the first word's embedding to the last word's logits."""
    first = net.source_embedding(source[:, :1]).detach()
    return layer_paths(Unrolled(net), (first, source, target), None, "net.head").min_length
