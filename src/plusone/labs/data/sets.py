"""The table of data sets: where each comes from, and the checksums of its files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One file to download; `checksum` is that of pooch, "sha256" without a prefix."""

    url: str
    checksum: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A set that no package carries.

    `folder` is its folder in PLUSONE_DATA, where `files` have to lie; `remotes` is what is
    downloaded otherwise (other files where the folder's are a subset), none where nobody serves it.
    """

    folder: str
    files: tuple[str, ...]
    remotes: tuple[Remote, ...]
    origin: str


PACKAGED = {
    "digits": "sklearn",
    "pictures": "skimage",
    "vessels": "skimage",
    "karate": "networkx",
}
"""Sets that packages carry, and the package."""

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_CORA = (
    "https://raw.githubusercontent.com/kimiyoung/planetoid/"
    "af6abf468a772cc055bec88c52e4d6f51b7c37e3/data"
)
_TEXT = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/"
    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare"
)
_NAMES = (
    "https://raw.githubusercontent.com/spro/practical-pytorch/"
    "c520c52e68e945d88fff563dba1c028b6ec0197b/data/names"
)
_CORA_FILES = {
    "ind.cora.allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
    "ind.cora.ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
    "ind.cora.graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
    "ind.cora.test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
    "ind.cora.tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
    "ind.cora.ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
}
_NAMES_FILES = {
    "Arabic.txt": "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc",
    "Chinese.txt": "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465",
    "Czech.txt": "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7",
    "Dutch.txt": "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3",
    "English.txt": "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2",
    "French.txt": "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95",
    "German.txt": "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db",
    "Greek.txt": "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6",
    "Irish.txt": "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058",
    "Italian.txt": "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4",
    "Japanese.txt": "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f",
    "Korean.txt": "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136",
    "Polish.txt": "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826",
    "Portuguese.txt": "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53",
    "Russian.txt": "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c",
    "Scottish.txt": "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd",
    "Spanish.txt": "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7",
    "Vietnamese.txt": "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d",
}
_MULTI30K = (
    "https://raw.githubusercontent.com/multi30k/dataset/"
    "a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/tok"
)
_MULTI30K_FILES = {
    "train.lc.norm.tok.de": "cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505",
    "train.lc.norm.tok.en": "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
    "val.lc.norm.tok.de": "97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00",
    "val.lc.norm.tok.en": "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
    "test_2016_flickr.lc.norm.tok.de": (
        "c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4"
    ),
    "test_2016_flickr.lc.norm.tok.en": (
        "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2"
    ),
}

SETS = {
    "cifar10": DataSet(
        folder="cifar10",
        files=("cifar10_subset.zip",),
        remotes=(
            Remote(
                url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                checksum="md5:c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        origin="Krizhevsky 2009, Learning multiple layers of features from tiny images",
    ),
    "mnist": DataSet(
        folder="mnist",
        files=("mnist_train.npz", "mnist_test.npz"),
        remotes=tuple(
            Remote(url=f"{_MNIST}/{name}", checksum=f"md5:{digest}")
            for name, digest in (
                ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
                ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
                ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
            )
        ),
        origin="LeCun, Cortes, Burges: the MNIST database of handwritten digits",
    ),
    "nuclei": DataSet(
        folder="dsb2018_nuclei",
        files=("dsb2018_256.npz",),
        remotes=(),
        origin="Caicedo et al. 2019, Nature Methods 16:1247; stage1_train of the 2018 Data Science "
        "Bowl, images of 256 x 256",
    ),
    "disulfides": DataSet(
        folder="disulfides",
        files=("1CRN.pdb", "5PTI.pdb", "1AKI.pdb", "1EJG.pdb", "1IGY.pdb.gz", "1UBI.pdb"),
        remotes=(),
        origin="entries of the Protein Data Bank, such as https://files.rcsb.org/download/5PTI.pdb",
    ),
    "cora": DataSet(
        folder="planetoid",
        files=tuple(_CORA_FILES),
        remotes=tuple(
            Remote(url=f"{_CORA}/{name}", checksum=digest) for name, digest in _CORA_FILES.items()
        ),
        origin="Yang, Cohen, Salakhutdinov 2016, arXiv:1603.08861",
    ),
    "shakespeare": DataSet(
        folder="tinyshakespeare",
        files=("input.txt",),
        remotes=(
            Remote(
                url=f"{_TEXT}/input.txt",
                checksum="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
        origin="Karpathy 2015, char-rnn",
    ),
    "surnames": DataSet(
        folder="names",
        files=tuple(_NAMES_FILES),
        remotes=tuple(
            Remote(url=f"{_NAMES}/{name}", checksum=digest) for name, digest in _NAMES_FILES.items()
        ),
        origin="Robertson 2017, practical-pytorch",
    ),
    "multi30k": DataSet(
        folder="multi30k",
        files=tuple(f"{name}.gz" for name in _MULTI30K_FILES),
        remotes=tuple(
            Remote(url=f"{_MULTI30K}/{name}", checksum=digest)
            for name, digest in _MULTI30K_FILES.items()
        ),
        origin="Elliott et al. 2016, arXiv:1605.00459; for research and teaching only",
    ),
}
