"""A model from the user's own code: a file or a module, imported only because it was named."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from plusone.errors import TargetError
from plusone.target.blame import Blame
from plusone.target.spec import Spec
from plusone.target.suggest import did_you_mean


@contextmanager
def user_object(spec: Spec) -> Iterator[object]:
    """The object that a file or module target names, within which its own imports still work.

    A file is imported by its path under a private name, with its folder on `sys.path`; a module
    is imported by its name, with the current folder on `sys.path`.
    """
    path = Path(spec.where).resolve() if spec.source == "file" else None
    if path is not None:
        _check_file(path, spec)
    folder = path.parent if path else Path.cwd()
    with _on_path(folder):
        if not spec.name:
            raise TargetError(_nameless(spec, path))
        module = _from_path(path, spec.where) if path else _from_name(spec.where)
        yield _lookup(module, spec)


def _check_file(path: Path, spec: Spec) -> None:
    if path.is_dir():
        raise TargetError(f"'{spec.where}' is a folder, not a Python file")
    if not path.is_file():
        neighbours = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, neighbours)
        raise TargetError(f"there is no file '{spec.where}' (looked in {path.parent}){hint}")


def _nameless(spec: Spec, path: Path | None) -> str:
    names = ", ".join(_defined(path)[:8]) if path else ""
    inside = f"; it defines {names}" if names else ""
    return (
        f"'{spec.where}' says where but not what: write {spec.where}:NAME, the name of a function "
        f"or an object that gives a model with inputs{inside}"
    )


def _defined(path: Path) -> list[str]:
    """The functions and classes at the top of a file, read without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [n.name for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]


def _from_path(path: Path, shown: str) -> ModuleType:
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"_plusone_target_{path.stem}_{digest}"
    loader = importlib.util.spec_from_file_location(name, path)
    assert loader is not None, "a .py file always has a loader"
    assert loader.loader is not None, "a .py file always has a loader"
    module = importlib.util.module_from_spec(loader)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    blame = Blame(path.parent)
    try:
        loader.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise TargetError(blame.sentence(f"importing '{shown}' raised", error)) from error
    return module


def _from_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise TargetError(
                f"there is no module '{error.name}' (looked in {Path.cwd()} and the installed "
                "packages); is it installed in this environment?"
            ) from error
        raise _import_failure(name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failure(name, error) from error


def _import_failure(name: str, error: BaseException) -> TargetError:
    return TargetError(Blame(Path.cwd()).sentence(f"importing '{name}' raised", error))


def _lookup(module: ModuleType, spec: Spec) -> object:
    found: object = module
    for part in spec.name.split("."):
        if not hasattr(found, part):
            names = [n for n in vars(module) if not n.startswith("_")]
            hint = did_you_mean(part, names, otherwise=_has_only(module))
            raise TargetError(f"'{spec.where}' has no '{spec.name}'{hint}")
        found = getattr(found, part)
    return found


def _has_only(module: ModuleType) -> str:
    own = [
        n
        for n, value in vars(module).items()
        if not n.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    return f"; it defines {', '.join(own[:8])}" if own else "; it defines no names"


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """Puts `folder` first on `sys.path`, as running a script there would."""
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
