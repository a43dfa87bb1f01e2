"""Where a data set lies: in the folder that PLUSONE_DATA names, or in the cache of downloads."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from plusone.errors import InputError, MissingExtraError
from plusone.labs.base.extra import need
from plusone.labs.base.store import cache_folder
from plusone.labs.data.sets import PACKAGED, SETS, DataSet


class DataWarning(UserWarning):
    """A data set does not come from the folder that was named for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The files of a set by name; `is_download` where they are those of the set's remotes."""

    files: Mapping[str, Path]
    is_download: bool


def require(name: str) -> None:
    """Sees to it that a set is there, downloading it where it has to be.

    Warns where PLUSONE_DATA names a folder that lacks the set, which then comes from a download.

    Raises:
        InputError: it is not there and cannot be downloaded.
        MissingExtraError: the package that carries it is not installed.
    """
    if name in PACKAGED:
        if find_spec(PACKAGED[name]) is None:
            raise MissingExtraError(PACKAGED[name], "labs")
        return
    located(name)
    if lacking := _lacking(SETS[name]):
        warnings.warn(f"the data set '{name}' is downloaded{lacking}", DataWarning, stacklevel=2)


def located(name: str) -> Located:
    """The files of a set.

    Raises:
        InputError: PLUSONE_DATA names no folder, or the set is in neither place.
    """
    wanted = SETS[name]
    lacking = _lacking(wanted)
    if lacking == "":
        return Located(files=_given(wanted), is_download=False)
    if not wanted.remotes:
        raise InputError(
            f"the data set '{name}' is not here{lacking or ''}, and nobody serves it for download: "
            f"put {', '.join(wanted.files)} into the folder {wanted.folder} and let PLUSONE_DATA "
            f"name the folder above it ({wanted.origin})"
        )
    return Located(files=_downloaded(name, wanted, lacking), is_download=True)


def _given(wanted: DataSet) -> dict[str, Path]:
    """The files of a set where PLUSONE_DATA has them, if it does."""
    folder = Path(os.environ.get("PLUSONE_DATA", "")) / wanted.folder
    return {file: folder / file for file in wanted.files}


def _lacking(wanted: DataSet) -> str | None:
    """What the folder that PLUSONE_DATA names lacks of a set, "" if nothing; None without one."""
    given = os.environ.get("PLUSONE_DATA")
    if not given:
        return None
    if not Path(given).is_dir():
        raise InputError(f"PLUSONE_DATA is '{given}', which is no folder")
    missing = [file for file, path in _given(wanted).items() if not path.is_file()]
    return f" (PLUSONE_DATA is '{given}', without {wanted.folder}/{missing[0]})" if missing else ""


def _downloaded(name: str, wanted: DataSet, lacking: str | None) -> dict[str, Path]:
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
                f"the data set '{name}' is not here{lacking or ''}, and {remote.url} could not be "
                f"downloaded ({type(error).__name__}): connect once, or let PLUSONE_DATA name a "
                f"folder with {wanted.folder}/{wanted.files[0]}"
            ) from error
        found[remote.name] = Path(file)
    return found
