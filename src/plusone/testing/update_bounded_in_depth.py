"""Does one step of gradient descent change a deep net's output no more than a shallow one's?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from plusone.testing.running import cotangent_for, output_of, rms, seeded

Loss = Callable[[Tensor], Tensor]
Chosen = Callable[[nn.Module], Iterable[Tensor]]


def first_update(
    model: nn.Module,
    inputs: tuple[object, ...],
    *,
    rate: float = 1e-2,
    loss: Loss | None = None,
    parameters: Chosen | None = None,
    seed: int = 0,
) -> float:
    """The root mean square of the output's change by one SGD step at `rate`; the model moves.

    Without a `loss` it is <output, r> / batch, r standard normal, so that the gradient at the
    output has the same size at every depth. `parameters` chooses what is updated (default all).
    """
    chosen = [p for p in (parameters or nn.Module.parameters)(model) if p.requires_grad]
    with seeded(seed), torch.enable_grad():
        before = output_of(model, inputs)
        if loss is None:
            value = (before * cotangent_for(before, seed)).sum() / max(before.shape[0], 1)
        else:
            value = loss(before)
        gradients = torch.autograd.grad(value, chosen, allow_unused=True)
    with torch.no_grad():
        for parameter, gradient in zip(chosen, gradients, strict=True):
            if gradient is not None:
                parameter.sub_(gradient, alpha=rate)
        with seeded(seed):
            return rms(output_of(model, inputs) - before)


def assert_update_bounded_in_depth(
    build: Callable[[int], nn.Module],
    depths: Sequence[int],
    max_ratio: float,
    *,
    inputs: tuple[object, ...],
    rate: float = 1e-2,
    loss: Loss | None = None,
    parameters: Chosen | None = None,
    num_seeds: int = 4,
) -> tuple[float, ...]:
    """The update at each depth (see `first_update`), root mean square over seeds.

    `build(depth)` makes a fresh model. Raises AssertionError unless every update is finite and
    not zero, and the largest is at most `max_ratio` times the smallest. This is Fixup's goal, that
    a step of size rate changes the output by Θ(rate) whatever the depth (Zhang et al. 2019, arXiv
    1901.09321, section 3), and DeepNorm's (Wang et al. 2022, arXiv 2203.00555, section 4).
    """
    assert len(set(depths)) > 1, "Give two depths or more: a single one cannot show growth."
    updates = []
    for depth in depths:
        squares = []
        for seed in range(num_seeds):
            with seeded(seed):
                model = build(depth)
            update = first_update(
                model, inputs, rate=rate, loss=loss, parameters=parameters, seed=seed
            )
            squares.append(update**2)
        updates.append(math.sqrt(sum(squares) / num_seeds))
    shown = ", ".join(f"{d}: {u:.3g}" for d, u in zip(depths, updates, strict=True))
    assert all(0 < u < math.inf for u in updates), (
        f"An update is zero or not finite, so depth cannot be judged ({shown})."
    )
    ratio = max(updates) / min(updates)
    assert ratio <= max_ratio, (
        f"One SGD step changes the output by a size that depends on depth: {shown}; the largest "
        f"is {ratio:.3g} times the smallest (allowed {max_ratio:g})."
    )
    return tuple(updates)
