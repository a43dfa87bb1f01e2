"""The residual branches of a model and their layers, in the order in which they run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from torch import nn

from plusone.errors import InputError
from plusone.nn.init.closing import closing_layers, passes_zero
from plusone.nn.init.layers import Layer, layer_of
from plusone.nn.init.recorded import Recorded, recorded
from plusone.nn.residual import Residual


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One residual branch and its layers in order.

    `closing` are those whose parameters, at zero, make the branch zero and get a gradient there.
    `last` are the last linear maps, where the branch scales with them; where `last_learns` is false
    they would get no gradient at zero, as behind a ReLU. There is more than one where a branch ends
    in a sum of two, and none where nothing tells, or for `last` behind a norm. `residual` is the
    wrapper, where there is one. `norm_before` is the norm that the stream itself passes between
    the block before and this one, post-norm's, where a forward was recorded.
    """

    name: str
    layers: tuple[Layer, ...]
    closing: tuple[Layer, ...]
    last: tuple[Layer, ...]
    residual: Residual | None = None
    last_learns: bool = True
    norm_before: str = ""

    @property
    def weights(self) -> tuple[Layer, ...]:
        """The layers that are no vectors: linear maps, attention's among them."""
        return tuple(layer for layer in self.layers if layer.kind != "vector")

    @property
    def label(self) -> str:
        """Its name in a message."""
        return self.name or "the block"

    def path(self, attribute: str) -> str:
        """The path of an attribute of the wrapper."""
        return f"{self.name}.{attribute}" if self.name else attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """All branches with weights of a model, how their layers were put in order, and the rest.

    `others` are the layers outside of branches, as they are registered; `heads` are the linear maps
    behind all branches: with a recorded forward the last that runs, else all that are registered
    there. `shared` are the branches' layers that run more than once.
    """

    found: tuple[Branch, ...]
    order: str
    others: tuple[Layer, ...]
    heads: tuple[Layer, ...]
    shared: tuple[str, ...]


def find_branches(model: nn.Module, inputs: object = None) -> Branches:
    """The branches of the model's `Residual`s, or of the joins that a recorded forward shows.

    Raises:
        InputError: there are no branches with weights, or nothing tells where they are.
    """
    run = None if inputs is None else recorded(model, inputs)
    end = -1
    wrappers = [(n, m) for n, m in model.named_modules() if isinstance(m, Residual) and _adds(m)]
    if wrappers:
        found = [_of_residual(n, m, run) for n, m in wrappers]
        order = "registered" if run is None else "called"
    elif run is not None:
        from plusone.nn.init.traced import traced_branches

        found, end = traced_branches(run)
        order = "traced"
    else:
        raise InputError(
            f"initialize_ found no plusone.nn.Residual in {type(model).__name__}; give inputs=, "
            "and the branches are found from a recorded forward."
        )
    weighted = tuple(branch for branch in found if branch.weights)
    if not weighted:
        raise InputError(
            f"initialize_ found no residual branch with weights in {type(model).__name__}, so "
            "there is nothing to initialise by depth."
        )
    inside = {layer.module for branch in found for layer in branch.layers}
    layers = (layer_of(n, m) for n, m in model.named_modules() if m not in inside)
    others = tuple(layer for layer in layers if layer is not None)
    behind = _registered_behind(model, weighted) if run is None else _run_behind(run, weighted, end)
    heads = tuple(o for o in others if o.kind == "weight" and o.module in behind)
    return Branches(
        found=weighted, order=order, others=others, heads=heads, shared=_shared(model, found, run)
    )


def _adds(residual: Residual) -> bool:
    """A gate or a concatenation adds no branch."""
    return residual.join is None or residual.join.takes_mask


def _of_residual(name: str, residual: Residual, run: Recorded | None) -> Branch:
    layers = list(_own_layers(f"{name}.branch" if name else "branch", residual.branch))
    if residual.branch_norm is not None:
        path = f"{name}.branch_norm" if name else "branch_norm"
        layers.extend(_own_layers(path, residual.branch_norm))
    if run is not None:
        idle = [layer.name for layer in layers if run.position(layer.module) < 0]
        if idle:
            raise InputError(
                f"initialize_: {', '.join(idle[:3])}{', ...' if idle[3:] else ''} did not run on "
                "these inputs, so its place in the branch is not known; give other inputs, or none."
            )
        layers.sort(key=lambda layer: run.position(layer.module))
    closing = closing_layers(layers)
    weights = tuple(layer for layer in layers if layer.kind != "vector")[-1:]
    ends_in_weight = bool(closing) and closing[0] in weights
    last = closing if ends_in_weight else ()
    passes, learns = _tried_behind(residual, closing)
    last_passes, last_learns = _tried_behind(residual, last)
    return Branch(
        name=name,
        layers=tuple(layers),
        closing=closing if passes and learns else (),
        last=last if last_passes else (),
        last_learns=last_learns,
        residual=residual,
    )


def _tried_behind(residual: Residual, closing: tuple[Layer, ...]) -> tuple[bool, bool]:
    """Whether zeros pass what follows the layer in a chain, and whether a gradient comes back.

    A sigmoid gives no zeros, and a ReLU no gradient. In a branch that is no chain of modules
    nothing can be said of what follows.
    """
    if not closing:
        return False, False
    chain = [*_chain(residual.branch), *([residual.branch_norm] if residual.branch_norm else [])]
    first, zeroed = closing[0].module, {layer.module for layer in closing}
    places = [n for n, m in enumerate(chain) if any(part is first for part in m.modules())]
    return passes_zero(chain[places[-1] + 1 :], zeroed) if places else (True, True)


def _chain(module: nn.Module) -> list[nn.Module]:
    if not isinstance(module, nn.Sequential):
        return [module]
    return [part for child in module for part in _chain(child)]


def _own_layers(path: str, module: nn.Module) -> list[Layer]:
    """The layers of a module as registered, without those of a Residual inside."""
    if isinstance(module, Residual):
        return []
    own = layer_of(path, module)
    found = [own] if own is not None else []
    for name, child in module.named_children():
        if name != "parametrizations":  # the parts of a layer, and none themselves
            found.extend(_own_layers(f"{path}.{name}", child))
    return found


def _registered_behind(model: nn.Module, branches: tuple[Branch, ...]) -> set[nn.Module]:
    """All modules that are registered behind the last branch's layers, wrappers' apart."""
    place = {module: number for number, module in enumerate(model.modules())}
    end = max(place[layer.module] for branch in branches for layer in branch.weights)
    return {module for module, number in place.items() if number > end} - _wrapped(model)


def _run_behind(run: Recorded, branches: tuple[Branch, ...], end: int) -> set[nn.Module]:
    """The linear map that runs last, if it does so behind all branches; `end` is the last join."""
    layers = (layer for branch in branches for layer in branch.layers)
    end = max(end, *(run.position(layer.module) for layer in layers))
    behind = [module for module, position in run.last_read.items() if position > end]
    unwrapped = set(behind) - _wrapped(run.modules[""])
    maps = [m for m in unwrapped if (layer := layer_of("", m)) and layer.kind == "weight"]
    return {max(maps, key=run.position)} if maps else set()


def _wrapped(model: nn.Module) -> set[nn.Module]:
    """What stands in a `Residual`: its projection is no head, though it runs last."""
    return {m for r in model.modules() if isinstance(r, Residual) for m in r.modules()}


def _shared(model: nn.Module, branches: list[Branch], run: Recorded | None) -> tuple[str, ...]:
    layers = [layer for branch in branches for layer in branch.layers]
    if run is not None:
        again = run.read_again
    else:
        places = Counter(m for _, m in model.named_modules(remove_duplicate=False))
        again = frozenset(m for m, times in places.items() if times > 1)
    return tuple(dict.fromkeys(layer.name for layer in layers if layer.module in again))


def refuse_shared(branches: Branches, method: str) -> None:
    """InputError if a branch's layer runs more than once: factors of depth are for separate ones.

    Steps of shared weights add up over their uses, and their outputs are correlated.
    """
    if branches.shared:
        names = ", ".join(branches.shared[:3]) + (", ..." if len(branches.shared) > 3 else "")
        hint = (
            ""
            if branches.order != "registered"
            else " If they only have two names, give inputs=, and calls are counted instead."
        )
        raise InputError(
            f"{method} is derived for branches with weights of their own, and these run more than "
            f"once: {names}.{hint}"
        )
