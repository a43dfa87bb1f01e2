"""Which rows are the nodes of a graph that the model was given, and which of them to compare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from plusone.capture.nested import tensors_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The `count` nodes of a graph among the inputs; `component` are those of its largest one."""

    count: int
    component: torch.Tensor


def nodes_in(inputs: object, kept: Iterable[torch.Tensor] = ()) -> Nodes | None:
    """The nodes of the graph that comes with the inputs; None where nothing is one.

    A graph is a list of edges [2, E] of whole numbers below the rows of a real input, as in
    torch_geometric, or a matrix [N, N], not diagonal, beside another input of N rows that is
    sparse, symmetric, or an adjacency whose rows are normed: no entry is below zero, some are zero,
    and these lie symmetrically. The first of either, in this order; then such matrices among what
    the model itself keeps in buffers, `kept`.
    Nodes of one component alone are compared: mixing cannot make others alike, and a batch of
    graphs is one graph of many components.
    """
    tensors = [t for t in tensors_in(inputs) if not t.is_meta]
    rows = [t.shape[0] for t in tensors if t.is_floating_point() and _is_list_of_rows(t)]
    told = [t for t in tensors if t.layout is not torch.strided or not t.is_floating_point()]
    others = [t for t in tensors if t.layout is torch.strided and t.is_floating_point()]
    found = [_edges(tensor, rows) for tensor in (*told, *others)]
    found += [_kept_edges(tensor, rows) for tensor in kept if not tensor.is_meta]
    for edges in found:
        if edges is not None and edges[1].numel():
            count, pairs = edges
            return Nodes(count=count, component=largest_component(pairs, count))
    return None


def _kept_edges(tensor: torch.Tensor, rows: list[int]) -> tuple[int, torch.Tensor] | None:
    if tensor.layout is not torch.strided:
        return _edges(tensor, rows)
    is_square = tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1] and tensor.shape[0] in rows
    if not is_square or not _is_adjacency(tensor):
        return None
    return tensor.shape[0], tensor.detach().nonzero().T


def _is_adjacency(tensor: torch.Tensor) -> bool:
    if not tensor.is_floating_point():
        return False
    is_there = tensor != 0
    is_mirrored = torch.equal(is_there, is_there.T) and not bool(is_there.all())
    is_joined = int(is_there.sum()) > int(is_there.diagonal().sum())
    return is_mirrored and is_joined and bool((tensor >= 0).all())


def _is_list_of_rows(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.dim() == 2 and tensor.shape[0] > 2


def _edges(tensor: torch.Tensor, rows: list[int]) -> tuple[int, torch.Tensor] | None:
    """The number of nodes and the edges [2, E], if the tensor holds edges."""
    if tensor.dim() != 2:
        return None
    if tensor.layout is not torch.strided:
        is_square = tensor.shape[0] == tensor.shape[1] and tensor.shape[0] in rows
        pairs = tensor.detach().to_sparse_coo().coalesce().indices() if is_square else None
        return None if pairs is None else (tensor.shape[0], pairs)
    if tensor.dtype in (torch.int64, torch.int32) and tensor.shape[0] == 2 and tensor.numel():
        low, high = (int(end) for end in torch.aminmax(tensor))
        fitting = [count for count in rows if count > high]
        return (min(fitting), tensor.long()) if fitting and low >= 0 else None
    if tensor.shape[0] != tensor.shape[1]:
        return None
    if not torch.equal(tensor, tensor.T) and not _is_adjacency(tensor):
        return None
    is_beside = rows.count(tensor.shape[0]) > (1 if tensor.is_floating_point() else 0)
    pairs = tensor.detach().nonzero().T
    return (tensor.shape[0], pairs) if is_beside and bool((pairs[0] != pairs[1]).any()) else None


def largest_component(edges: torch.Tensor, count: int) -> torch.Tensor:
    """The nodes of the largest connected component, in order.

    Each node takes the least label around it, and then the label of its label, until nothing
    changes: rounds grow with the logarithm of the number of nodes as a rule.
    """
    source, target = edges.to("cpu")
    label = torch.arange(count)
    while True:
        least = label.scatter_reduce(0, target, label[source], "amin")
        least = least.scatter_reduce(0, source, least[target], "amin")
        least = least[least]
        if torch.equal(least, label):
            break
        label = least
    return (label == label.bincount().argmax()).nonzero()[:, 0]
