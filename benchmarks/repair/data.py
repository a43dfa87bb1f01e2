"""Real data, read from the folder that PLUSONE_DATA names; digits come with scikit-learn.

Each folder's README says where its files come from and under which terms.
"""

from __future__ import annotations

import io
import os
import pickle
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_CIFAR_TRAIN, _CIFAR_TEST = 400, 60
NAME_LENGTH = 12
NAME_PAD = 0


class Split(NamedTuple):
    """Inputs and targets to train on, and those held out."""

    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor


def folder() -> Path:
    """The folder of the data."""
    path = Path(os.environ.get("PLUSONE_DATA", "/work/shared/data"))
    if not path.is_dir():
        raise SystemExit(f"{path} is no folder: PLUSONE_DATA must name that of the data")
    return path


@cache
def digits() -> Split:
    """scikit-learn's digits, [N, 64]: 1,400 and 397."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    x = torch.tensor(pixels[order], dtype=torch.float32)
    y = torch.tensor(classes[order], dtype=torch.long)
    x = (x - x.mean()) / x.std()
    return Split(x[:1400], y[:1400], x[1400:], y[1400:])


@cache
def mnist() -> Split:
    """Standardised images [N, 1, 28, 28]: 20,000 and the first 100 of each digit of the test."""
    train, test = (np.load(folder() / f"mnist/mnist_{part}.npz") for part in ("train", "test"))
    labels = test["label"].astype(np.int64)
    chosen = np.concatenate([np.flatnonzero(labels == digit)[:100] for digit in range(10)])

    def ready(images: np.ndarray) -> Tensor:
        return (torch.from_numpy(images).float()[:, None] / 255 - 0.1307) / 0.3081

    return Split(
        ready(train["image"]),
        torch.from_numpy(train["label"].astype(np.int64)),
        ready(test["image"][chosen]),
        torch.from_numpy(labels[chosen]),
    )


@cache
def cifar10() -> Split:
    """Standardised images [N, 3, 32, 32]: 4,000 and 600, as many of each class."""
    from PIL import Image

    found: dict[str, list[tuple[np.ndarray, int]]] = {"train": [], "test": []}
    with zipfile.ZipFile(folder() / "cifar10/cifar10_subset.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")]
        classes = sorted({n.split("/")[1] for n in names})
        seen: dict[tuple[str, str], int] = {}
        for name in names:
            part, label, _ = name.split("/")
            number = seen.get((part, label), 0)
            if number >= (_CIFAR_TRAIN if part == "train" else _CIFAR_TEST):
                continue
            seen[part, label] = number + 1
            pixels = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
            found[part].append((pixels, classes.index(label)))

    def ready(part: str) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(np.stack([p for p, _ in found[part]])).permute(0, 3, 1, 2).float()
        return (x / 255 - 0.473) / 0.251, torch.tensor([label for _, label in found[part]])

    return Split(*ready("train"), *ready("test"))


@cache
def nuclei() -> Split:
    """Images and masks [N, 1, 128, 128] of cell nuclei: 294 and 40. Each image is standardised."""
    stored = np.load(folder() / "dsb2018_nuclei/dsb2018_256.npz")
    images = F.avg_pool2d(torch.from_numpy(stored["image"]).float()[:, None], 2)
    masks = F.max_pool2d(torch.from_numpy(stored["label"] > 0).float()[:, None], 2)
    mean, deviation = images.mean((2, 3), keepdim=True), images.std((2, 3), keepdim=True)
    images = (images - mean) / (deviation + 1e-3)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, masks = images[order], masks[order]
    return Split(images[40:], masks[40:], images[:40], masks[:40])


class Graph(NamedTuple):
    """Cora: features [2708, 1433], the entries of D^-1/2 (A + I) D^-1/2, classes, and two masks."""

    features: Tensor
    edges: Tensor
    weights: Tensor
    classes: Tensor
    is_train: Tensor
    is_test: Tensor


@cache
def cora() -> Graph:
    """The split of Planetoid (Yang et al. 2016): 140 nodes to train on, 1,000 to test."""
    place = folder() / "planetoid"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parts = {
            name: pickle.loads((place / f"ind.cora.{name}").read_bytes(), encoding="latin1")
            for name in ("allx", "ally", "tx", "ty", "graph")
        }
    order = np.loadtxt(place / "ind.cora.test.index", dtype=int)
    features = np.concatenate([parts["allx"].toarray(), parts["tx"].toarray()]).astype(np.float32)
    classes = np.concatenate([parts["ally"], parts["ty"]]).argmax(1)
    features[order], classes[order] = features[np.sort(order)], classes[np.sort(order)]
    features /= features.sum(1, keepdims=True).clip(min=1)
    joined = np.eye(len(features), dtype=np.float32)
    for node, others in parts["graph"].items():
        joined[node, others] = 1
        joined[others, node] = 1
    degree = joined.sum(1)
    joined /= np.sqrt(degree[:, None] * degree[None, :])
    is_train, is_test = torch.zeros(2, len(features), dtype=torch.bool)
    is_train[:140], is_test[order] = True, True
    edges = np.stack(joined.nonzero())
    weights = joined[edges[0], edges[1]]
    return Graph(
        torch.from_numpy(features),
        torch.from_numpy(edges),
        torch.from_numpy(weights),
        torch.from_numpy(classes),
        is_train,
        is_test,
    )


@cache
def shakespeare() -> tuple[Tensor, Tensor, int]:
    """The characters of Tiny Shakespeare to train on and held out (the last tenth); their kinds."""
    text = (folder() / "tinyshakespeare/input.txt").read_text()
    kinds = sorted(set(text))
    codes = torch.tensor([kinds.index(character) for character in text])
    cut = len(codes) * 9 // 10
    return codes[:cut], codes[cut:], len(kinds)


@cache
def surnames() -> tuple[dict[str, list[str]], str]:
    """Lower-case surnames of the 7 largest languages, and their characters."""
    found = {}
    for path in sorted((folder() / "names").glob("*.txt")):
        lines = [line.strip().lower() for line in path.read_text().splitlines()]
        found[path.stem] = sorted({n for n in lines if 2 <= len(n) <= NAME_LENGTH})
    largest = sorted(found, key=lambda language: -len(found[language]))[:7]
    kept = {language: found[language] for language in sorted(largest)}
    return kept, "".join(sorted({c for names in kept.values() for n in names for c in n}))
