"""Where a data set lies: in the folder that PLUSONE_DATA names, or in the cache of downloads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from plusone.errors import InputError, MissingExtraError
from plusone.labs.base.extra import need
from plusone.labs.base.store import cache_folder
from plusone.labs.data.sets import PACKAGED, SETS, DataSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The files of a set by name; `is_download` where they are those of the set's remotes."""

    files: Mapping[str, Path]
    is_download: bool


def require(name: str) -> None:
    """Sees to it that a set is there, downloading it where it has to be.

    Raises:
        InputError: it is not there and cannot be downloaded.
        MissingExtraError: the package that carries it is not installed.
    """
    if name in PACKAGED:
        if find_spec(PACKAGED[name]) is None:
            raise MissingExtraError(PACKAGED[name], "labs")
        return
    located(name)


def located(name: str) -> Located:
    """The files of a set.

    Raises:
        InputError: PLUSONE_DATA names no folder, or the set is in neither place.
    """
    wanted = SETS[name]
    given = os.environ.get("PLUSONE_DATA")
    if given:
        if not Path(given).is_dir():
            raise InputError(f"PLUSONE_DATA is '{given}', which is no folder")
        files = {file: Path(given) / wanted.folder / file for file in wanted.files}
        if all(path.is_file() for path in files.values()):
            return Located(files=files, is_download=False)
    if not wanted.remotes:
        raise InputError(
            f"the data set '{name}' is not here, and nobody serves it for download: put "
            f"{', '.join(wanted.files)} into the folder {wanted.folder} and let PLUSONE_DATA name "
            f"the folder above it ({wanted.origin})"
        )
    return Located(files=_downloaded(name, wanted), is_download=True)


def _downloaded(name: str, wanted: DataSet) -> dict[str, Path]:
    pooch = need("pooch")
    folder = cache_folder() / "data" / name
    found = {}
    for remote in wanted.remotes:
        try:
            file = pooch.retrieve(
                remote.url, known_hash=remote.checksum, fname=remote.name, path=folder
            )
        except (OSError, ValueError) as error:  # no network, no space, another checksum
            raise InputError(
                f"the data set '{name}' is not here and {remote.url} could not be downloaded "
                f"({type(error).__name__}): connect once, or let PLUSONE_DATA name a folder with "
                f"{wanted.folder}/{wanted.files[0]}"
            ) from error
        found[remote.name] = Path(file)
    return found
