"""Is the mean over a block's random choices in training what it computes in evaluation?"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.testing.running import double_copy, doubled, output_of, rms, seeded


def assert_expectation_preserved(
    module: nn.Module,
    *inputs: object,
    num_samples: int = 1000,
    num_sigmas: float = 4.0,
    seed: int = 0,
) -> None:
    """Raise AssertionError unless E[output in train mode] = output in eval mode.

    Half of the draws give the direction d in which the mean is off; the other half, which knows
    nothing of the first, must have <output - eval output, d> within `num_sigmas` standard errors
    of zero. So a right block fails with the probability of so large a Gaussian (6e-5 at 4), and
    any bias larger than the standard error is found whatever its direction. A float64 copy runs; a
    batch norm in it compares statistics of the batch with running ones and fails for that.
    """
    assert num_samples >= 20, f"{num_samples} draws say nothing about a mean; take 20 or more."
    copied, arguments = double_copy(module), doubled(inputs)
    with torch.no_grad():
        target = output_of(copied.eval(), arguments)
        copied.train()
        with seeded(seed):
            first = [output_of(copied, arguments) - target for _ in range(num_samples // 2)]
            direction = torch.stack(first).mean(0)
            shares = torch.stack(
                [_along(output_of(copied, arguments) - target, direction) for _ in first]
            )
    size = rms(target) or 1.0
    mean, error = float(shares.mean()), float(shares.std()) / math.sqrt(len(shares))
    # Where nothing is random the standard error is rounding, and so must the bias be.
    allowed = num_sigmas * error + 1e-12 * size * size
    assert abs(mean) <= allowed, (
        f"{type(module).__name__}: the mean in train mode is off from eval mode by "
        f"{math.sqrt(abs(mean)) / size:.2g} of the output, {abs(mean) / (error or 1e-300):.1f} "
        f"standard errors over {len(shares)} draws (allowed {num_sigmas:g}). Is a kept branch "
        "divided by the probability that it is kept?"
    )


def _along(difference: Tensor, direction: Tensor) -> Tensor:
    return (difference * direction).mean()
