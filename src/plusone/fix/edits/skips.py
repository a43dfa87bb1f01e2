"""Edits that put a skip around something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from plusone.fix.edits.edit import Edit, Lines, Part, module_at, replace_module
from plusone.fix.line import Line, Splice
from plusone.nn.join import Join
from plusone.nn.residual import Residual


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertSkip(Edit):
    """A skip from the entry of one module to the entry of the next that shares its line.

    The module at `path` is one of them: the first (`is_first`), the last, or one between, where a
    skip returns and the next one leaves. `source` is where the skip that returns here left.
    """

    line: int
    is_first: bool = False
    is_last: bool = False
    source: str = ""
    skip: Part | None = None
    scale: Part | None = None
    norm: Part | None = None
    imports: ClassVar = (("plusone.fix.line", "Line"), ("plusone.fix.line", "Splice"))

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        scale = _built(self.scale, module)
        assert scale is None or isinstance(scale, Join)
        splice = Splice(
            module,
            lines.setdefault(self.line, Line()),
            is_first=self.is_first,
            is_last=self.is_last,
            skip=_built(self.skip, module),
            scale=scale,
            norm=_built(self.norm, module),
        )
        replace_module(model, self.path, splice)

    def code(self, address: str) -> tuple[str, ...]:
        line = f"line_{self.line}"
        options = [f"{name}=True" for name in ("is_first", "is_last") if getattr(self, name)]
        options += _options(self)
        return (f"{address} = Splice({', '.join([address, line, *options])})",)

    def after(self, before: str) -> str:
        ends = [f"skip from {self.source}"] if self.source else ["first of a stream"]
        return f"Splice({', '.join([before, *ends, *_options(self)])})"

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(p for p in (self.skip, self.scale, self.norm) if p is not None)

    @property
    def keeps_outputs(self) -> bool:
        begins = self.is_first or (self.skip is not None and self.skip.name == "ZeroProjection")
        return begins and self.scale is None and self.norm is None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapInSkip(Edit):
    """A skip around one module: x + module(x)."""

    skip: Part | None = None
    scale: Part | None = None
    norm: Part | None = None
    imports: ClassVar = (("plusone.nn", "Residual"),)

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        scale = _built(self.scale, module)
        assert scale is None or isinstance(scale, Join)
        around = Residual(
            module,
            skip=_built(self.skip, module),
            scale=scale,
            norm=_built(self.norm, module),
        )
        replace_module(model, self.path, around)

    def code(self, address: str) -> tuple[str, ...]:
        return (f"{address} = Residual({', '.join([address, *_options(self)])})",)

    def after(self, before: str) -> str:
        return f"Residual({', '.join([before, *_options(self)])})"

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(p for p in (self.skip, self.scale, self.norm) if p is not None)


def _built(part: Part | None, like: nn.Module) -> nn.Module | None:
    return None if part is None else part.build(like)


def _options(edit: InsertSkip | WrapInSkip) -> list[str]:
    named = (("skip", edit.skip), ("scale", edit.scale), ("norm", edit.norm))
    return [f"{name}={part}" for name, part in named if part is not None]
