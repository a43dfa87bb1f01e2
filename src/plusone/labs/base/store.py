"""What is kept of a lab's runs, one small JSON file each, so that an interrupted lab resumes."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import plusone
from plusone.errors import InputError
from plusone.labs.base.extra import need
from plusone.labs.base.lab import Arm, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A folder of runs of one lab; `version` stands for the code that made them."""

    folder: Path
    version: str

    def load(self, arm: Arm, seed: int) -> Run | None:
        """The run that is kept, or None; a damaged file counts as none."""
        try:
            kept = json.loads(self._file(arm, seed).read_text(encoding="utf-8"))
            return Run(arm=arm, seed=seed, numbers=kept["numbers"], seconds=kept["seconds"])
        except (OSError, ValueError, KeyError):
            return None

    def save(self, run: Run) -> None:
        """Keep a run. The file appears whole or not at all.

        Raises:
            InputError: the folder cannot be written.
        """
        file = self._file(run.arm, run.seed)
        content = {
            "arm": run.arm.name,
            "options": dict(run.arm.options),
            "seed": run.seed,
            "seconds": run.seconds,
            "numbers": run.numbers,
        }
        partial = file.with_suffix(f".{os.getpid()}.partial")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(content), encoding="utf-8")
            partial.replace(file)
        except OSError as error:
            raise InputError(f"'{file}' cannot be written: {error.strerror}") from error

    def _file(self, arm: Arm, seed: int) -> Path:
        key = json.dumps([self.version, arm.name, dict(arm.options), seed], sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self.folder / f"{digest}.json"


def cache_folder() -> Path:
    """Where runs and downloads are kept: PLUSONE_CACHE, or the user's cache folder."""
    named = os.environ.get("PLUSONE_CACHE")
    return Path(named) if named else Path(need("pooch").os_cache("plusone"))


def version_of(module: str) -> str:
    """What the runs of a lab's module depend on: its sources, plusone's and torch's version.

    A change in another room of plusone within one version is not seen: `--fresh` runs anew.
    """
    import torch

    digest = hashlib.sha256(f"{plusone.__version__} {torch.__version__}".encode())
    for file in sources(module):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def sources(module: str) -> tuple[Path, ...]:
    """The files of a lab: its module's and those of the labs' room that it imports, in turn.

    The framework (`base`) and what shows results (`show`) are left out.
    """
    found: dict[str, Path] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name in found or name.startswith((f"{_ROOM}.base", f"{_ROOM}.show", f"{_ROOM}.index")):
            continue
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            continue
        found[name] = Path(spec.origin)
        pending += _imports(found[name])
    return tuple(sorted(found.values()))


_ROOM = "plusone.labs"


def _imports(file: Path) -> list[str]:
    """The modules of the labs' room, below it, that a file imports; names in them may be none."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.startswith(f"{_ROOM}.") and _is_module(name)]


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a name in a module that is no package
        return False
