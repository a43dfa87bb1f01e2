"""An edit of one module, and the parts that edits bring along."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from plusone.errors import InputError
from plusone.fix.line import Around, Line
from plusone.fix.zero import ZeroProjection
from plusone.nn.norms import make_norm
from plusone.nn.residual import Residual
from plusone.nn.scales.constant import ConstantScale
from plusone.nn.scales.skipinit import SkipInit
from plusone.nn.skips.pool_pad import PoolPad
from plusone.nn.skips.projection import ConvProjection, LinearProjection

Number = int | float | str | bool
Lines = dict[int, Line]

# What a recipe may name; a recipe builds nothing else.
PARTS: dict[str, Callable[..., nn.Module]] = {
    "ConstantScale": ConstantScale,
    "ConvProjection": ConvProjection,
    "LinearProjection": LinearProjection,
    "PoolPad": PoolPad,
    "SkipInit": SkipInit,
    "ZeroProjection": ZeroProjection,
    "make_norm": make_norm,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A module of plusone.nn with the numbers that it is built with."""

    name: str
    args: tuple[Number, ...] = ()
    options: tuple[tuple[str, Number], ...] = ()

    def build(self, like: nn.Module) -> nn.Module:
        """The module, on the device and of the type of the parameters of `like`."""
        if self.name not in PARTS:
            raise InputError(f"a recipe names the part {self.name!r}, which plusone does not know")
        made = PARTS[self.name](*self.args, **dict(self.options))
        parameter = next((p for p in like.parameters() if p.is_floating_point()), None)
        if parameter is None:
            return made
        return made.to(device=parameter.device, dtype=parameter.dtype)

    def __str__(self) -> str:
        shown = [_shown(value) for value in self.args]
        shown += [f"{name}={_shown(value)}" for name, value in self.options]
        return f"{self.name}({', '.join(shown)})"


def _shown(value: Number) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        return f'"{value}"' if isinstance(value, str) else str(value)
    return repr(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(ABC):
    """One change at the module `path`.

    `imports` are the names that the pasted code needs, by package; `replaces` says that another
    module takes the place of this one.
    """

    path: str
    imports: ClassVar[tuple[tuple[str, str], ...]] = ()
    replaces: ClassVar[bool] = True

    @abstractmethod
    def apply(self, model: nn.Module, lines: Lines) -> None:
        """Do it to `model`. `lines` are those of the whole plan, by number."""

    @abstractmethod
    def code(self, address: str) -> tuple[str, ...]:
        """The statements that do it, with the module at `address`, such as `model.layers[3]`."""

    @abstractmethod
    def after(self, before: str) -> str:
        """What stands at the place afterwards, in one line, where `before` stood."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of plusone.nn that it brings along."""
        return ()

    @property
    def keeps_outputs(self) -> bool:
        """Whether the outputs stay as they were."""
        return False


def module_at(model: nn.Module, path: str) -> nn.Module:
    """What stands at `path` of the model as it was, with the edits made there so far around it.

    Raises:
        AttributeError: there is no such module.
    """
    at = model
    for name in path.split(".") if path else ():
        # A model may hold such modules of its own; around those of the plan an edit comes later.
        at = (at if name in at._modules else inner(at)).get_submodule(name)
    return at


def inner(module: nn.Module) -> nn.Module:
    """The module that earlier edits stand around."""
    while isinstance(module, (Around, Residual)):
        module = module.module if isinstance(module, Around) else module.branch
    return module


def replace_module(model: nn.Module, path: str, module: nn.Module) -> None:
    """Put `module` in the place of the one at `path`."""
    parent, _, name = path.rpartition(".")
    module.train(module_at(model, path).training)
    holder = module_at(model, parent)
    setattr(holder if name in holder._modules else inner(holder), name, module)
