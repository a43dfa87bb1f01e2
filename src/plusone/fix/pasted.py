"""Edits as a diff of modules and as code to paste."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from torch import nn

import plusone.nn
from plusone.fix.edits import Edit
from plusone.fix.surgery import family, ordered


def address_of(model: nn.Module, path: str) -> str:
    """The expression that gives the module at `path`, such as `model.layers[3].conv`."""
    written, at = "model", model
    for name in path.split(".") if path else ():
        if isinstance(at, (nn.Sequential, nn.ModuleList)) and name.isdigit():
            written += f"[{name}]"
        elif isinstance(at, nn.ModuleDict):
            written += f'["{name}"]'
        elif name.isidentifier():
            written += f".{name}"
        else:
            written += f'._modules["{name}"]'
        at = at.get_submodule(name)
    return written


def code_of(model: nn.Module, edits: Iterable[Edit], *, seed: int) -> str:
    """Statements that do what the plan does to a model called `model`, bit for bit."""
    edits = ordered(edits)
    if not edits:
        return ""
    names = {pair for edit in edits for pair in edit.imports}
    names |= {(_home(part.name), part.name) for edit in edits for part in edit.parts}
    lines = [*_imports(names | {("", "torch")}), "", f"torch.manual_seed({seed})"]
    shared = sorted({edit.line for edit in edits if hasattr(edit, "line")})
    lines += [f"line_{number} = Line()" for number in shared]
    addresses = [address_of(model, edit.path) for edit in edits]
    for template, run in groupby(
        zip(edits, addresses, strict=True), key=lambda pair: _template(*pair)
    ):
        lines += _looped(template, [address for _, address in run])
    return "\n".join(lines)


def _imports(names: Iterable[tuple[str, str]]) -> list[str]:
    packages: dict[str, list[str]] = {}
    for package, name in sorted(names):
        packages.setdefault(package, []).append(name)
    plain = [f"import {name}" for name in packages.pop("", [])]
    return [*plain, *(f"from {p} import {', '.join(n)}" for p, n in packages.items())]


def _home(part: str) -> str:
    return "plusone.nn" if hasattr(plusone.nn, part) else "plusone.fix.zero"


_NUMBER = re.compile(r"\[(\d+)\]")


def _template(edit: Edit, address: str) -> tuple[str, ...]:
    """The statements with the last index of the address taken out."""
    hole = _hole(address)
    return edit.code(hole or address)


def _hole(address: str) -> str:
    found = list(_NUMBER.finditer(address))
    if not found:
        return ""
    last = found[-1]
    return f"{address[: last.start()]}[i]{address[last.end() :]}"


def _looped(template: Sequence[str], addresses: list[str]) -> list[str]:
    """One statement for each place, or a loop over the index in which they differ."""
    found = [list(_NUMBER.finditer(address)) for address in addresses]
    if not found[0]:
        return list(template)
    numbers = [int(f[-1].group(1)) for f in found]
    if len(numbers) == 1:
        return [line.replace("[i]", f"[{numbers[0]}]") for line in template]
    return [f"for i in {_range(numbers)}:", *(f"    {line}" for line in template)]


def _range(numbers: list[int]) -> str:
    step = numbers[1] - numbers[0]
    if step > 0 and numbers == list(range(numbers[0], numbers[-1] + 1, step)):
        ends = f"{numbers[0]}, {numbers[-1] + 1}"
        return f"range({ends})" if step == 1 else f"range({ends}, {step})"
    return f"({', '.join(map(str, numbers))},)"


def diff_of(model: nn.Module, edits: Iterable[Edit]) -> str:
    """What stands where, before and after; equal lines in a row are folded."""
    rows = [_row(model, edit) for edit in edits]
    lines: list[str] = []
    for _, run in groupby(rows, key=lambda row: (*row[1:3], family(row[0]))):
        same = list(run)
        place, before, after, _ = same[0]
        many = f" to {same[-1][0]} ({len(same)} modules)" if len(same) > 1 else ""
        shown = same[0][3] if len(same) == 1 else after
        lines += [f"  {place}{many}", f"- {before}", f"+ {shown}"]
    return "\n".join(lines)


def _row(model: nn.Module, edit: Edit) -> tuple[str, str, str, str]:
    """Place, before, after with numbers of places taken out, after."""
    module = model.get_submodule(edit.path)
    text = str(module)
    before = text if "\n" not in text else f"{type(module).__name__}(...)"
    after = edit.after(before)
    source = getattr(edit, "source", "")
    folded = after.replace(f"skip from {source}", "skip from the one before") if source else after
    return edit.path, before, folded, after
