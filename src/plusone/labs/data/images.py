"""Images with classes or masks, standardised by one mean and one deviation of the training part."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from plusone.labs.base.extra import need
from plusone.labs.data.located import Located, located


class Split(NamedTuple):
    """Inputs and targets to train on, and those held out."""

    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor


@cache
def digits() -> Split:
    """scikit-learn's handwritten digits, [N, 64]: 1,400 and 397."""
    pixels, classes = need("sklearn.datasets").load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    x = torch.tensor(pixels[order], dtype=torch.float32)
    y = torch.tensor(classes[order], dtype=torch.long)
    x = (x - x.mean()) / x.std()
    return Split(x[:1400], y[:1400], x[1400:], y[1400:])


@cache
def pictures(size: int = 32) -> Tensor:
    """Patches [N, 1, size, size] of scikit-image's grey photographs, each standardised."""
    data = need("skimage.data")
    patches = []
    for name in ("camera", "coins", "moon", "page", "text", "brick", "grass", "gravel"):
        photo = torch.from_numpy(np.asarray(getattr(data, name)(), dtype=np.float32))
        cut = photo[: photo.shape[0] // size * size, : photo.shape[1] // size * size]
        patches.append(cut.unfold(0, size, size).unfold(1, size, size).reshape(-1, 1, size, size))
    x = torch.cat(patches)
    mean, deviation = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True)
    return (x - mean) / (deviation + 1e-3 * 255)


@cache
def mnist() -> Split:
    """Images [N, 1, 28, 28] of handwritten digits: 20,000, and 100 of each digit of the test, in an
    order drawn once, so that the first are of all digits."""
    found = located("mnist")
    (train, train_classes), (test, test_classes) = (
        _mnist_part(found, part) for part in ("train", "test")
    )
    train, train_classes = _of_each(train, train_classes, 2000)
    test, test_classes = _of_each(test, test_classes, 100)
    dice = np.random.default_rng(0)
    orders = [dice.permutation(len(train)), dice.permutation(len(test))]
    train, train_classes = train[orders[0]], train_classes[orders[0]]
    test, test_classes = test[orders[1]], test_classes[orders[1]]

    def ready(images: np.ndarray) -> Tensor:
        return (torch.from_numpy(images).float()[:, None] / 255 - 0.1307) / 0.3081

    return Split(
        ready(train),
        torch.from_numpy(train_classes.astype(np.int64)),
        ready(test),
        torch.from_numpy(test_classes.astype(np.int64)),
    )


def _mnist_part(found: Located, part: str) -> tuple[np.ndarray, np.ndarray]:
    if not found.is_download:
        stored = np.load(found.files[f"mnist_{part}.npz"])
        return stored["image"], stored["label"]
    prefix = "train" if part == "train" else "t10k"
    images = _idx(found.files[f"{prefix}-images-idx3-ubyte.gz"])
    return images, _idx(found.files[f"{prefix}-labels-idx1-ubyte.gz"])


def _idx(file: Path) -> np.ndarray:
    """The array of an IDX file of bytes: two zero bytes, the type 8, the number of axes, sizes."""
    content = gzip.decompress(file.read_bytes())
    num_axes = content[3]
    shape = np.frombuffer(content, ">u4", num_axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * num_axes).reshape(shape)


def _of_each(x: np.ndarray, classes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` of each class, by class."""
    chosen = np.concatenate([np.flatnonzero(classes == c)[:count] for c in np.unique(classes)])
    return x[chosen], classes[chosen]


@cache
def cifar10(num_train: int = 400, num_test: int = 60) -> Split:
    """Images [N, 3, 32, 32] of ten kinds of things: so many of each class, by class.

    From PLUSONE_DATA it is a subset in JPEG, at most 1,500 and 300 of a class; downloaded, the
    original's first ones.
    """
    found = located("cifar10")
    parts = _cifar_tar if found.is_download else _cifar_zip
    read = {part: parts(found, part) for part in ("train", "test")}

    def ready(part: str, count: int) -> tuple[Tensor, Tensor]:
        pixels, classes = _of_each(*read[part], count)
        x = torch.from_numpy(pixels).float()
        return (x / 255 - 0.473) / 0.251, torch.from_numpy(classes.astype(np.int64))

    return Split(*ready("train", num_train), *ready("test", num_test))


def _cifar_zip(found: Located, part: str) -> tuple[np.ndarray, np.ndarray]:
    pixels, classes = [], []
    with zipfile.ZipFile(found.files["cifar10_subset.zip"]) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        kinds = sorted({name.split("/")[1] for name in names})
        for name in names:
            if name.startswith(f"{part}/"):
                pixels.append(_jpeg(archive.read(name)))
                classes.append(kinds.index(name.split("/")[1]))
    return np.stack(pixels).transpose(0, 3, 1, 2), np.asarray(classes)


def _jpeg(content: bytes) -> np.ndarray:
    return np.asarray(need("PIL.Image").open(io.BytesIO(content)).convert("RGB"))


def _cifar_tar(found: Located, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Records of one byte for the class and 3 x 1,024 for the pixels, channel by channel."""
    with tarfile.open(found.files["cifar-10-binary.tar.gz"]) as archive:
        content = b"".join(_members(archive, "data_batch" if part == "train" else "test_batch"))
    records = np.frombuffer(content, np.uint8).reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _members(archive: tarfile.TarFile, start: str) -> Iterator[bytes]:
    for member in sorted(archive.getmembers(), key=lambda m: m.name):
        opened = archive.extractfile(member) if Path(member.name).name.startswith(start) else None
        if opened is not None:
            yield opened.read()


@cache
def nuclei() -> Split:
    """Images and masks [N, 1, 128, 128] of cell nuclei: 294 and 40. Each image is standardised."""
    stored = np.load(located("nuclei").files["dsb2018_256.npz"])
    images = F.avg_pool2d(torch.from_numpy(stored["image"]).float()[:, None], 2)
    masks = F.max_pool2d(torch.from_numpy(stored["label"] > 0).float()[:, None], 2)
    mean, deviation = images.mean((2, 3), keepdim=True), images.std((2, 3), keepdim=True)
    images = (images - mean) / (deviation + 1e-3)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, masks = images[order], masks[order]
    return Split(images[40:], masks[40:], images[:40], masks[:40])


@cache
def vessels() -> Split:
    """Patches [N, 1, 64, 64] of scikit-image's retina, green and halved, and masks of its vessels.

    A mask is where Sato's filter for dark ridges of one and two pixels is above Otsu's threshold,
    of the disc that the camera sees without its edge. The lower third is held out.
    """
    filters, data = need("skimage.filters"), need("skimage.data")
    morphology = need("skimage.morphology")
    green = np.asarray(data.retina()[..., 1], dtype=np.float64)[:1410, :1410]
    green = green.reshape(705, 2, 705, 2).mean((1, 3))
    seen = morphology.isotropic_erosion(filters.gaussian(green, 3) > 15, 8)
    ridges = filters.sato(green, sigmas=(1, 2), black_ridges=True)
    mask = (ridges > filters.threshold_otsu(ridges[seen])) & seen
    picture, masks, inside = (
        torch.from_numpy(np.asarray(a, dtype=np.float32))[:704, :704]
        .unfold(0, 64, 64)
        .unfold(1, 64, 64)
        for a in (green, mask, seen)
    )
    is_whole = inside.mean((2, 3)) == 1
    is_test = torch.zeros_like(is_whole)
    is_test[7:] = True
    train, test = is_whole & ~is_test, is_whole & is_test
    mean, deviation = picture[train].mean(), picture[train].std()
    picture = ((picture - mean) / deviation)[:, :, None]
    masks = masks[:, :, None]
    return Split(picture[train], masks[train], picture[test], masks[test])
