"""Can a block learn what a block of its own kind computes?"""

from __future__ import annotations

import copy

import torch
from torch import nn

from plusone.testing.running import cotangent_for, output_of, rms, seeded


def assert_trainable(
    module: nn.Module,
    *inputs: object,
    num_steps: int = 200,
    rate: float = 1e-2,
    fraction: float = 0.5,
    seed: int = 0,
) -> None:
    """Raise AssertionError unless the loss falls to `fraction` in `num_steps` steps: of its start,
    and, with several samples, of what the best output that is the same for all would leave.

    The target can be reached: it is what a copy of the module gives after noise (0.3 of each
    parameter's root mean square, 0.3 where it is zero) was added to its parameters. A second copy
    is fitted to it by Adam at `rate`, mean squared error, on the inputs given. The module itself
    stays as it is.
    """
    student, teacher = copy.deepcopy(module), copy.deepcopy(module)
    with torch.no_grad(), seeded(seed):
        for number, parameter in enumerate(teacher.parameters()):
            size = 0.3 * (rms(parameter) or 1.0)
            parameter.add_(size * cotangent_for(parameter, seed + number))
        target = output_of(teacher, inputs)
    parameters = [p for p in student.parameters() if p.requires_grad]
    assert parameters, f"{type(module).__name__} has no parameter that requires a gradient."
    optimiser = torch.optim.Adam(parameters, lr=rate)
    losses: list[float] = []
    with seeded(seed), torch.enable_grad():
        for _ in range(num_steps):
            optimiser.zero_grad()
            loss = (output_of(student, inputs) - target).square().mean()
            losses.append(float(loss.detach()))
            assert loss.requires_grad, f"{type(module).__name__}'s output has no gradient."
            loss.backward()
            optimiser.step()
    assert losses[0] > 0, (
        f"{type(module).__name__}: noise in the parameters does not change the output."
    )
    apart = target - target.mean(0) if target.dim() and target.shape[0] > 1 else target
    constant = float(apart.abs().square().mean())
    # NaN compares false, so it fails here too.
    assert losses[-1] <= fraction * min(losses[0], constant), (
        f"{type(module).__name__} does not train: the loss went from {losses[0]:.3g} to "
        f"{losses[-1]:.3g} in {num_steps} steps (wanted {fraction:g} of the start and of the "
        f"{constant:.3g} that one output for all samples leaves)."
    )
