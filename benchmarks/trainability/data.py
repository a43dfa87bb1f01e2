"""The handwritten digits of scikit-learn, as each kind of network reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

NUM_TRAIN = 1024
NUM_CLASSES = 10
NUM_NODES = 16
_NEIGHBOURS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Standardised images [samples, ...] in the shape that a kind reads, and their classes."""

    inputs: torch.Tensor
    targets: torch.Tensor


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    return pixels[order].astype(np.float32), classes[order].astype(np.int64)


@cache
def images(kind: str) -> Images:
    """The training images: rows as tokens for a transformer, patches of 2 x 2 as a graph's nodes.

    One mean and one standard deviation for all pixels.
    """
    pixels, classes = _digits()
    x = torch.from_numpy((pixels - pixels.mean()) / pixels.std())[:NUM_TRAIN]
    shaped = {
        "mlp": lambda: x,
        "conv": lambda: x.view(-1, 1, 8, 8),
        "transformer": lambda: x.view(-1, 8, 8),
        "graph": lambda: _patches(x),
    }
    return Images(inputs=shaped[kind]().contiguous(), targets=torch.from_numpy(classes[:NUM_TRAIN]))


def _patches(x: torch.Tensor) -> torch.Tensor:
    """Patches of 2 x 2 pixels, [samples, 16, 4]."""
    return x.view(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, NUM_NODES, 4)


@cache
def adjacency() -> torch.Tensor:
    """The normalised adjacency D^-1/2 (A + I) D^-1/2 of the graph that the data give.

    Patches are joined to the four whose mean intensity is correlated most with theirs over the
    images: Henaff, Bruna and LeCun (2015), "Deep convolutional networks on graph-structured data";
    normalisation: Kipf and Welling (2017), eq. 2.
    """
    patches = images("graph").inputs.mean(2).numpy()
    correlation = np.abs(np.corrcoef(patches.T)) - 2 * np.eye(NUM_NODES)
    nearest = np.argsort(-correlation, axis=1)[:, :_NEIGHBOURS]
    joined = np.eye(NUM_NODES)
    for node, others in enumerate(nearest):
        joined[node, others] = joined[others, node] = 1.0
    degree = joined.sum(1)
    return torch.tensor(joined / np.sqrt(degree[:, None] * degree[None, :]), dtype=torch.float32)
