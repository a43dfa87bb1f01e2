"""The arms, and what is measured of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.base.lab import Option
from plusone.labs.data import Graph
from plusone.labs.oversmoothing.alike import (
    mean_average_distance,
    neighbour_distance,
    relative_energy,
)
from plusone.labs.oversmoothing.claim import CLAIM
from plusone.labs.oversmoothing.conclusion import REPAIRED, conclude, name_of
from plusone.labs.oversmoothing.nets import (
    CONTROLS,
    GRAPHS,
    METHODS,
    OTHERS,
    DeepGraphNet,
    OnGraph,
    adjacency_of,
)
from plusone.labs.training import TrainConfig, accuracy, mean_loss, train

RATES = {True: (1e-2, 1e-3), False: (3e-3,)}
WIDTH, WEIGHT_DECAY = 32, 5e-4
DEPTHS = {True: (2, 8, 32, 64), False: (2, 8, 16)}


def plan(is_full: bool) -> Plan:
    depths, data = DEPTHS[is_full], "cora" if is_full else "digits"
    shared: dict[str, Option] = {"graph": data, "steps": 60 if is_full else 45, "full": is_full}
    nets = [(method, depth) for method in METHODS for depth in depths]
    ends = (*CONTROLS, REPAIRED, *(OTHERS if is_full else ()))
    nets += [(method, depths[-1]) for method in ends]
    arms = [
        Arm(name=name_of(method, depth), options={**shared, "method": method, "depth": depth})
        for method, depth in nets
    ]
    return Plan(arms=tuple(arms), seeds=tuple(range(5 if is_full else 3)), data=(data,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A graph with its adjacency matrix, and the nodes to train on and to test."""

    graph: Graph
    adjacency: Tensor
    train: Tensor
    test: Tensor


def task_of(arm: Arm) -> Task:
    graph = GRAPHS[str(arm.options["graph"])]()
    return Task(
        graph=graph,
        adjacency=adjacency_of(graph, str(arm.options["method"])),
        train=graph.is_train.nonzero()[:, 0],
        test=graph.is_test.nonzero()[:, 0],
    )


def net_of(arm: Arm, task: Task, seed: int) -> nn.Module:
    """The net of an arm at its start; `REPAIRED`: what `plusone.fix` makes of the plain one."""
    torch.manual_seed(seed)
    method, features = str(arm.options["method"]), task.graph.features
    sizes = (features.shape[1], WIDTH, int(task.graph.classes.max()) + 1)
    is_repaired = method == REPAIRED
    net = DeepGraphNet("plain" if is_repaired else method, sizes, int(arm.options["depth"]))
    if not is_repaired:
        return net
    wanted = task.graph.classes[task.train]
    inputs = (features, task.adjacency)
    return plusone.fix(net, inputs, wanted, _Known(task.train), trial_steps=0, seed=seed).apply()


@dataclass(frozen=True, slots=True)
class _Known:
    """The loss over the nodes whose classes are known."""

    nodes: Tensor

    def __call__(self, logits: Tensor, wanted: Tensor) -> Tensor:
        return F.cross_entropy(logits[self.nodes], wanted)


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    task = task_of(arm)
    wanted = task.graph.classes
    found: list[dict[str, object]] = []
    losses: list[float] = []
    rates = RATES[bool(arm.options["full"])]
    for rate in rates:
        net = net_of(arm, task, seed)
        start = start_of(net, task) if not found else {}
        on_graph = OnGraph(net, task.graph, task.adjacency)
        config = TrainConfig(
            steps=int(arm.options["steps"]),
            learning_rate=rate,
            batch=len(task.train),
            optimizer="adam",
            weight_decay=WEIGHT_DECAY,
            has_cosine=False,
            seed=seed,
        )
        train(on_graph, task.train, wanted[task.train], config)
        loss = mean_loss(on_graph, task.train, wanted[task.train])
        losses.append(loss if loss == loss else float("inf"))
        read = read_by_head(net, task)
        found.append(
            {
                **start,
                "accuracy": accuracy(on_graph, task.test, wanted[task.test], batch=len(task.test)),
                "train accuracy": accuracy(on_graph, task.train, wanted[task.train]),
                "energy": relative_energy(read, task.graph),
                "distance": mean_average_distance(read),
            }
        )
    best = losses.index(min(losses))
    return {**found[0], **found[best], "rate": rates[best]}


def start_of(net: nn.Module, task: Task) -> dict[str, object]:
    """Before training: energy, distances, size and gradient by layer, what the head reads, and
    what a scan says: the distance of A302, and whether it finds that or doubts the net.

    By layer alone where the net tells its layers' states; a repaired net has others.
    """
    read = read_by_head(net, task)
    report = plusone.scan(
        net,
        (task.graph.features, task.adjacency),
        task.graph.classes[task.train],
        _Known(task.train),
        quick=True,
        timed=False,
    )
    alike = [b.token_similarity for b in report.blocks if b.token_similarity.is_measured]
    found: dict[str, object] = {
        "scanned": 1 - float(alike[-1]) if alike else float("nan"),  # without edges
        "fires": float(any(f.code == "A302" for f in report.findings)),
        "doubted": float(report.verdict is None or report.verdict.label != "trainable"),
        "head energy": relative_energy(read, task.graph),
        "head distance": mean_average_distance(read),
        "head neighbours": neighbour_distance(read, task.graph),
    }
    if not isinstance(net, DeepGraphNet) or any(True for m in net.modules() if _is_edit(m)):
        return found
    net.eval()
    states = net.states(task.graph.features, task.adjacency)
    loss = F.cross_entropy(net.read(states)[task.train], task.graph.classes[task.train])
    gradients = torch.autograd.grad(loss, states)
    return {
        **found,
        "energies": [relative_energy(h, task.graph) for h in states],
        "distances": [mean_average_distance(h) for h in states],
        "sizes": [float(h.detach().double().square().mean().sqrt()) for h in states],
        "gradients": [float(g.double().norm()) for g in gradients],
    }


def _is_edit(module: nn.Module) -> bool:
    return type(module).__module__.startswith("plusone.fix")


def read_by_head(net: nn.Module, task: Task) -> Tensor:
    """What the last linear layer reads [N, width], in evaluation mode."""
    head = [m for m in net.modules() if isinstance(m, nn.Linear) and m.in_features == WIDTH][-1]
    read: list[Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    try:
        with torch.no_grad():
            net.eval()(task.graph.features, task.adjacency)
    finally:
        handle.remove()
    return read[-1]


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
