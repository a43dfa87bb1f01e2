"""Packaged sets, files of the data folder and of a server, and sentences where there is none."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from plusone.errors import InputError
from plusone.labs import data
from plusone.labs.data import images, located, sets
from plusone.labs.data.graphs import _unpickled
from plusone.labs.data.texts import multi30k

FOLDER = Path(os.environ.get("PLUSONE_DATA", Path(__file__).parents[4] / "shared/data"))
needs_folder = pytest.mark.skipif(not FOLDER.is_dir(), reason="the data folder is not here")


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLUSONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PLUSONE_DATA", raising=False)
    for loader in (data.mnist, data.cifar10, data.cora, data.nuclei, data.shakespeare, multi30k):
        loader.cache_clear()


def test_digits_are_standardised_and_hold_all_classes_in_both_parts() -> None:
    split = data.digits()
    assert (len(split.inputs), len(split.test_inputs)) == (1400, 397)
    both = torch.cat([split.inputs, split.test_inputs])
    assert abs(float(both.mean())) < 1e-6
    assert float(both.std()) == pytest.approx(1, abs=1e-6)
    assert set(split.test_targets.tolist()) == set(range(10))


def test_pictures_and_the_karate_club_come_with_packages() -> None:
    assert data.pictures(32).shape[1:] == (1, 32, 32)
    club = data.karate()
    assert club.features.shape == (34, 34)
    assert club.edges.shape == (2, 2 * 78 + 34)
    # D^-1/2 (A + I) D^-1/2 has the largest eigenvalue 1.
    dense = torch.zeros(34, 34)
    dense[club.edges[0], club.edges[1]] = club.weights
    assert float(torch.linalg.eigvalsh(dense).max()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("load", [data.karate, data.digit_blocks])
def test_a_graphs_weights_are_those_of_the_normalised_adjacency_by_rows(
    load: Callable[[], data.Graph],
) -> None:
    graph = load()
    edges, count = graph.edges.numpy(), len(graph.features)
    joined = np.zeros((count, count))
    joined[edges[0], edges[1]] = 1
    assert (np.diag(joined) == 1).all()
    assert (joined == joined.T).all()
    assert (edges == np.stack(joined.nonzero())).all()
    root = np.diag(joined.sum(1) ** -0.5)
    expected = (root @ joined @ root)[edges[0], edges[1]]
    assert graph.weights.dtype == torch.float32
    np.testing.assert_allclose(graph.weights.numpy(), expected, rtol=0, atol=1e-7)


def test_vessels_come_in_whole_patches_with_masks_of_dark_ridges() -> None:
    split = data.vessels()
    assert split.inputs.shape[1:] == split.test_targets.shape[1:] == (1, 64, 64)
    assert split.targets.unique().tolist() == [0, 1]
    dark, light = (split.test_inputs[split.test_targets == c].mean() for c in (1, 0))
    assert float(light - dark) > 0.2  # deviations of the training part


@needs_folder
def test_sentences_come_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSONE_DATA", str(FOLDER))
    german, english = multi30k("test_2016_flickr")
    assert len(german) == len(english) == 1000
    assert len(multi30k("train")[1]) == 29_000
    assert english[0] == [
        "a",
        "man",
        "in",
        "an",
        "orange",
        "hat",
        "starring",
        "at",
        "something",
        ".",
    ]


def test_sentences_are_downloaded_as_they_are(
    monkeypatch: pytest.MonkeyPatch, server: tuple[Path, str]
) -> None:
    names = [n.removesuffix(".gz") for n in sets.SETS["multi30k"].files]
    _serve(monkeypatch, server, "multi30k", {n: f"{n[-2:]} .\n".encode() for n in names})
    multi30k.cache_clear()
    assert multi30k("val") == ([["de", "."]], [["en", "."]])


@needs_folder
def test_sets_of_the_data_folder_have_their_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSONE_DATA", str(FOLDER))
    assert data.cifar10(20, 10).inputs.shape == (200, 3, 32, 32)
    assert data.mnist().inputs.shape == (20000, 1, 28, 28)
    assert data.cora().features.shape == (2708, 1433)
    assert int(data.cora().is_test.sum()) == 1000
    assert data.nuclei().targets.unique().tolist() == [0, 1]
    assert data.shakespeare()[2] == 65
    assert len(data.surnames()[0]) == 7


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(_Silent, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        return None


def _serve(
    monkeypatch: pytest.MonkeyPatch, server: tuple[Path, str], name: str, files: dict[str, bytes]
) -> None:
    folder, address = server
    remotes = []
    for file, content in files.items():
        (folder / file).write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        remotes.append(sets.Remote(url=f"{address}/{file}", checksum=checksum))
    old = sets.SETS[name]
    new = sets.DataSet(
        folder=old.folder, files=old.files, remotes=tuple(remotes), origin=old.origin
    )
    monkeypatch.setitem(sets.SETS, name, new)


def _idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    return gzip.compress(head + array.tobytes())


def test_mnist_is_downloaded_once_and_read_from_its_own_format(
    monkeypatch: pytest.MonkeyPatch, server: tuple[Path, str]
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    classes = np.arange(30, dtype=np.uint8) % 10
    parts = {"images-idx3-ubyte.gz": _idx(pixels), "labels-idx1-ubyte.gz": _idx(classes)}
    files = {f"{part}-{end}": c for part in ("train", "t10k") for end, c in parts.items()}
    _serve(monkeypatch, server, "mnist", files)
    split = data.mnist()
    assert sorted(split.targets.tolist()) == sorted(classes.tolist())
    assert split.targets[:10].unique().numel() > 4
    back = (split.inputs[:, 0] * 0.3081 + 0.1307) * 255
    for picture, kind in zip(back.numpy(), split.targets.tolist(), strict=True):
        assert any(np.allclose(picture, one, atol=1e-3) for one in pixels[classes == kind])
    for file in server[0].iterdir():
        file.unlink()
    data.mnist.cache_clear()
    assert torch.equal(data.mnist().inputs, split.inputs)


def test_cifar_is_read_from_its_own_binary_archive(
    monkeypatch: pytest.MonkeyPatch, server: tuple[Path, str]
) -> None:
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (20, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(20) % 10
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("data_batch_1.bin", "test_batch.bin"):
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = records.nbytes
            archive.addfile(entry, io.BytesIO(records.tobytes()))
    _serve(monkeypatch, server, "cifar10", {"cifar-10-binary.tar.gz": stream.getvalue()})
    split = data.cifar10(1, 2)
    assert split.inputs.shape == (10, 3, 32, 32)
    assert split.test_targets.tolist() == [c for c in range(10) for _ in range(2)]
    back = (split.inputs[3] * 0.251 + 0.473) * 255
    assert np.allclose(back.numpy(), records[3, 1:].reshape(3, 32, 32), atol=1e-3)


def test_a_file_with_another_checksum_is_refused(
    monkeypatch: pytest.MonkeyPatch, server: tuple[Path, str]
) -> None:
    _serve(monkeypatch, server, "shakespeare", {"input.txt": b"to be"})
    (server[0] / "input.txt").write_bytes(b"or not")
    with pytest.raises(InputError, match=r"'shakespeare' is not here, and http.*\(ValueError\)"):
        data.require("shakespeare")


def test_without_folder_and_network_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = sets.SETS["cora"]
    closed = (sets.Remote(url="http://127.0.0.1:9/ind.cora.x", checksum="0" * 64),)
    new = sets.DataSet(folder=old.folder, files=old.files, remotes=closed, origin=old.origin)
    monkeypatch.setitem(sets.SETS, "cora", new)
    with pytest.raises(InputError, match=r"could not be downloaded .* let PLUSONE_DATA name a"):
        data.require("cora")


def test_a_set_that_nobody_serves_says_so() -> None:
    with pytest.raises(InputError, match=r"nobody serves it for download: put dsb2018_256.npz"):
        data.require("nuclei")


def test_a_data_folder_without_the_set_is_named_and_the_download_taken(
    monkeypatch: pytest.MonkeyPatch, server: tuple[Path, str], tmp_path: Path
) -> None:
    _serve(monkeypatch, server, "shakespeare", {"input.txt": b"to be"})
    monkeypatch.setenv("PLUSONE_DATA", str(tmp_path))
    lacking = rf"\(PLUSONE_DATA is '{tmp_path}', without tinyshakespeare/input.txt\)"
    with pytest.warns(located.DataWarning, match=f"'shakespeare' is downloaded {lacking}$"):
        data.require("shakespeare")
    folder = tmp_path / "tinyshakespeare"
    folder.mkdir()
    (folder / "input.txt").write_bytes(b"to be")
    data.require("shakespeare")  # and there is no warning, which would be an error
    with pytest.raises(InputError, match=r"'nuclei' is not here \(PLUSONE_DATA is .*2018_256.npz"):
        data.require("nuclei")


def test_a_data_folder_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSONE_DATA", "/nowhere")
    with pytest.raises(InputError, match="PLUSONE_DATA is '/nowhere', which is no folder"):
        located.located("cora")


def test_a_pickle_with_anything_but_arrays_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil"
    file.write_bytes(pickle.dumps(os.getcwd))
    with pytest.raises(pickle.UnpicklingError, match="has no place in a data set"):
        _unpickled(file)


def test_the_first_of_each_class_are_taken_in_order() -> None:
    x, classes = images._of_each(np.arange(6), np.asarray([1, 0, 1, 0, 1, 0]), 2)
    assert x.tolist() == [1, 3, 0, 2]
    assert classes.tolist() == [0, 0, 1, 1]
