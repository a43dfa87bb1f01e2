"""Graphs whose nodes have features and classes."""

from __future__ import annotations

import pickle
import warnings
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from plusone.labs.base.extra import need
from plusone.labs.data.images import digits
from plusone.labs.data.located import located


class Graph(NamedTuple):
    """Features [N, F], the entries of D^-1/2 (A + I) D^-1/2 as edges [2, E] and weights [E], by
    rows, classes [N], and which nodes are for training and for testing."""

    features: Tensor
    edges: Tensor
    weights: Tensor
    classes: Tensor
    is_train: Tensor
    is_test: Tensor


@cache
def cora() -> Graph:
    """2,708 papers, 1,433 words, 7 fields; 140 to train on, 1,000 to test (Yang et al. 2016)."""
    files = located("cora").files
    parts = {name: _unpickled(files[f"ind.cora.{name}"]) for name in ("allx", "ally", "tx", "ty")}
    neighbours = _unpickled(files["ind.cora.graph"])
    order = np.loadtxt(files["ind.cora.test.index"], dtype=int)
    features = np.concatenate([parts["allx"].toarray(), parts["tx"].toarray()]).astype(np.float32)
    classes = np.concatenate([parts["ally"], parts["ty"]]).argmax(1)
    features[order], classes[order] = features[np.sort(order)], classes[np.sort(order)]
    features /= features.sum(1, keepdims=True).clip(min=1)
    joined = np.zeros((len(features), len(features)), dtype=np.float32)
    for node, others in neighbours.items():
        joined[node, others] = 1
        joined[others, node] = 1
    is_train = np.arange(len(features)) < 140
    is_test = np.isin(np.arange(len(features)), order)
    return _graph(features, joined, classes, is_train, is_test)


@cache
def karate() -> Graph:
    """Zachary's karate club: 34 members, who are their own features, in two factions.

    The two leaders are for training, all others for testing.
    """
    networkx = need("networkx")
    club = networkx.karate_club_graph()
    classes = np.asarray([int(club.nodes[n]["club"] != "Mr. Hi") for n in club])
    joined = (networkx.to_numpy_array(club) > 0).astype(np.float32)
    is_train = np.isin(np.arange(len(classes)), (0, 33))
    return _graph(np.eye(len(classes), dtype=np.float32), joined, classes, is_train, ~is_train)


@cache
def digit_blocks(count: int = 400) -> Graph:
    """scikit-learn's digits, joined by chance: on average to 6 of the same digit and to 3 others.

    A stochastic block model of networkx. Of each digit 5 are for training; all others for testing.
    """
    networkx, split = need("networkx"), digits()
    order = split.targets[:count].argsort(stable=True)
    pixels, classes = split.inputs[order].numpy(), split.targets[order].numpy()
    sizes = np.bincount(classes)
    chance = np.full((len(sizes), len(sizes)), 3 / (count - count / len(sizes)))
    np.fill_diagonal(chance, 6 * len(sizes) / count)
    drawn = networkx.stochastic_block_model(sizes.tolist(), chance.tolist(), seed=0)
    joined = networkx.to_numpy_array(drawn).astype(np.float32)
    first = [np.flatnonzero(classes == c)[:5] for c in np.unique(classes)]
    is_train = np.isin(np.arange(count), np.concatenate(first))
    return _graph(pixels, joined, classes, is_train, ~is_train)


def _graph(
    features: np.ndarray,
    joined: np.ndarray,
    classes: np.ndarray,
    is_train: np.ndarray,
    is_test: np.ndarray,
) -> Graph:
    utils, layer = need("torch_geometric.utils"), need("torch_geometric.nn.conv.gcn_conv")
    edges = torch.from_numpy(np.stack(joined.nonzero()))
    normed = layer.gcn_norm(edges, num_nodes=len(joined))
    edges, weights = utils.coalesce(*normed)
    return Graph(
        torch.from_numpy(features),
        edges,
        weights,
        torch.from_numpy(classes),
        torch.from_numpy(is_train),
        torch.from_numpy(is_test),
    )


# What these pickles of scipy matrices, arrays and lists are made of; anything else is refused.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("scipy.sparse.csr", "csr_matrix"),
    ("collections", "defaultdict"),
    ("__builtin__", "list"),
}


class _Narrow(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a data set")


def _unpickled(file: Path) -> Any:
    with file.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return _Narrow(stream, encoding="latin1").load()
