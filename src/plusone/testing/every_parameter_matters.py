"""Does each parameter take part? Shapes alone would not show one that is computed and dropped."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from plusone.testing.running import cotangent_for, double_copy, doubled, output_of, rms, seeded

# In float64, where rounding leaves about 1e-16: far above noise, far below any real effect.
FLOOR = 1e-10


def assert_every_parameter_matters(
    module: nn.Module,
    *inputs: object,
    num_steps: int = 1,
    rate: float = 0.01,
    ignore: Iterable[str] = (),
    packed: Iterable[str] = (),
    seed: int = 0,
) -> None:
    """Raise AssertionError, naming the parameters, unless each has a gradient and an effect.

    A float64 copy of the module takes `num_steps` steps first, so that gates that start at zero
    open: each parameter that has a gradient moves by `rate` (root mean square) against it. Nets
    with several zeros in a row (Fixup with a zero classifier) need a step for each. Then every
    parameter must receive a gradient that is not zero, and the output must change when random
    numbers of its own size (`rate` at least) are added to it.

    `ignore` holds names or patterns (`*.bias`) of those that cannot matter: a bias before a batch
    norm, the bias of attention's keys. `packed` holds those of parameters that are several in one
    tensor: each entry along their first axis must then have a gradient, as one part may be dropped
    while another is used.
    """
    patterns, of_packed = tuple(ignore), tuple(packed)
    copied, arguments = double_copy(module), doubled(inputs)
    watched = {
        name: parameter
        for name, parameter in copied.named_parameters()
        if not _matches(name, patterns)
    }
    assert watched, f"{type(module).__name__} has no parameters to watch."
    for step in range(num_steps):
        _move(copied, _gradients(copied, arguments, seed + step), rate)
    gradients = _gradients(copied, arguments, seed + num_steps)
    without = [n for n in watched if n not in gradients or rms(gradients[n]) <= FLOOR]
    for name in watched:
        if _matches(name, of_packed) and name in gradients:
            parts = enumerate(gradients[name].unbind())
            without.extend(f"{name}[{part}]" for part, g in parts if rms(g) <= FLOOR)
    assert not without, (
        f"{type(module).__name__}: no gradient after {num_steps} step(s) at {_listed(without)}. "
        "Such a parameter is computed and dropped, detached, or multiplied by a zero."
    )
    idle = [n for n, p in watched.items() if _effect(copied, arguments, p, rate, seed) <= FLOOR]
    assert not idle, (
        f"{type(module).__name__}: the output stays the same whatever stands at {_listed(idle)}."
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _gradients(module: nn.Module, inputs: tuple[object, ...], seed: int) -> dict[str, Tensor]:
    with seeded(seed), torch.enable_grad():
        output = output_of(module, inputs)
        names, parameters = zip(*module.named_parameters(), strict=True)
        assert output.requires_grad, f"{type(module).__name__}'s output is cut from its parameters."
        found = torch.autograd.grad(
            (output * cotangent_for(output, seed)).sum(), parameters, allow_unused=True
        )
    return {name: g for name, g in zip(names, found, strict=True) if g is not None}


def _move(module: nn.Module, gradients: dict[str, Tensor], rate: float) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            gradient = gradients.get(name)
            if gradient is not None and rms(gradient) > FLOOR:
                parameter.sub_(gradient, alpha=rate / rms(gradient))


def _effect(
    module: nn.Module, inputs: tuple[object, ...], parameter: Tensor, rate: float, seed: int
) -> float:
    """The output's relative change when noise is added to one parameter."""
    with torch.no_grad():
        with seeded(seed):
            before = output_of(module, inputs)
        kept = parameter.clone()
        size = max(rms(kept), rate)  # a step may have led just to zero
        parameter.add_(size * cotangent_for(kept, seed + 1))
        with seeded(seed):
            after = output_of(module, inputs)
        parameter.copy_(kept)
    return rms(after - before) / (rms(before) or 1.0)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"
