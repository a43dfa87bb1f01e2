"""The residual branches of a model and their layers, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.init.layers import Layer, layer_of
from plusone.nn.residual import Residual


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One residual branch: its layers in order and those that end it.

    `last` holds more than one layer where a branch ends in a sum of two. `residual` is the wrapper,
    where there is one.
    """

    name: str
    layers: tuple[Layer, ...]
    last: tuple[Layer, ...]
    residual: Residual | None = None

    @property
    def weights(self) -> tuple[Layer, ...]:
        """The layers that are linear maps, attention's among them."""
        return tuple(layer for layer in self.layers if layer.kind != "vector")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """All branches with weights of a model, how their layers were put in order, and the rest.

    `others` are the layers outside of branches, as they are registered; `head` is the last of them
    with a weight, if it is registered behind all branches.
    """

    found: tuple[Branch, ...]
    order: str
    others: tuple[Layer, ...]
    head: Layer | None


def find_branches(model: nn.Module, inputs: object = None) -> Branches:
    """The branches of the model's `Residual`s, or of the joins that a recorded forward shows.

    Raises:
        InputError: there are no branches with weights, or nothing tells where they are.
    """
    residuals = [(n, m) for n, m in model.named_modules() if isinstance(m, Residual)]
    if residuals:
        calls = _order_of_calls(model, inputs) if inputs is not None else None
        found = [_of_residual(n, m, calls) for n, m in residuals]
        order = "registered" if calls is None else "called"
    elif inputs is not None:
        from plusone.nn.init.traced import traced_branches

        found, order = traced_branches(model, inputs), "traced"
    else:
        raise InputError(
            f"initialize_ found no plusone.nn.Residual in {type(model).__name__}; give inputs=, "
            "and the branches are found from a recorded forward."
        )
    weighted = tuple(branch for branch in found if branch.weights)
    if not weighted:
        raise InputError(
            f"initialize_ found no residual branch with weights in {type(model).__name__}, so "
            "there is nothing to initialise by depth."
        )
    others = _outside(model, found)
    head = _head(model, weighted, others)
    return Branches(found=weighted, order=order, others=others, head=head)


def _of_residual(name: str, residual: Residual, calls: dict[nn.Module, int] | None) -> Branch:
    layers = list(_own_layers(f"{name}.branch" if name else "branch", residual.branch))
    if residual.branch_norm is not None:
        path = f"{name}.branch_norm" if name else "branch_norm"
        layers.extend(_own_layers(path, residual.branch_norm))
    if calls is not None:
        layers = [layer for layer in layers if layer.module in calls]
        layers.sort(key=lambda layer: calls[layer.module])
    last = tuple(layers[-1:])
    return Branch(name=name, layers=tuple(layers), last=last, residual=residual)


def _own_layers(path: str, module: nn.Module) -> list[Layer]:
    """The layers of a module as registered, without those of a Residual inside."""
    if isinstance(module, Residual):
        return []
    own = layer_of(path, module)
    found = [own] if own is not None else []
    for name, child in module.named_children():
        found.extend(_own_layers(f"{path}.{name}", child))
    return found


def _outside(model: nn.Module, branches: list[Branch]) -> tuple[Layer, ...]:
    inside = {layer.module for branch in branches for layer in branch.layers}
    layers = (layer_of(n, m) for n, m in model.named_modules() if m not in inside)
    return tuple(layer for layer in layers if layer is not None)


def _head(
    model: nn.Module, branches: tuple[Branch, ...], others: tuple[Layer, ...]
) -> Layer | None:
    place = {module: number for number, module in enumerate(model.modules())}
    end = max(place[layer.module] for branch in branches for layer in branch.weights)
    behind = [o for o in others if o.kind == "weight" and place[o.module] > end]
    return behind[-1] if behind else None


def _order_of_calls(model: nn.Module, inputs: object) -> dict[nn.Module, int]:
    """The number of each module's last call in one forward, which leaves the model as it was."""
    from plusone.capture.sandbox import sandbox
    from plusone.target.subject import subject_of

    subject = subject_of(model, inputs)
    calls: dict[nn.Module, int] = {}

    def note(module: nn.Module, args: object) -> None:
        calls[module] = len(calls_seen)
        calls_seen.append(module)
        if isinstance(module, nn.MultiheadAttention):  # its output layer is read, never called
            calls[module.out_proj] = len(calls_seen)
            calls_seen.append(module.out_proj)

    calls_seen: list[nn.Module] = []
    with sandbox(subject.model):
        handles = [m.register_forward_pre_hook(note) for m in subject.model.modules()]
        try:
            with torch.no_grad():
                subject.model(*subject.args, **subject.kwargs)
        finally:
            for handle in handles:
                handle.remove()
    return calls
