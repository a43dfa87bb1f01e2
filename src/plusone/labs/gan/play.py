"""The training of a generator against a critic, by a recipe with which a shallow critic works.

The critic sees noise on top of both real and made pictures, without which it tells 1,400 digits by
heart and the generator covers one or two digits in this budget (Sonderby et al. 2017, arXiv
1610.04490; Arjovsky and Bottou 2017, arXiv 1701.04862, section 3). The recipe was chosen with a
plain critic of 2 blocks, the control, alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.labs.gan.nets import NUM_NOISE, Generator

EPSILON = 1e-8  # torch's


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """`steps` of one update each on batches of `batch`, Adam with beta1 = 0.5.

    `rates` are the critic's and the generator's; `noise` is the deviation of what is added to the
    pixels that the critic sees, whose own deviation is 1. `epsilons` are what the critic's and the
    generator's Adam add to what they divide by: without it the size of a gradient is no matter.
    """

    steps: int
    batch: int = 64
    rates: tuple[float, float] = (1e-3, 3e-3)
    noise: float = 0.7
    epsilons: tuple[float, float] = (EPSILON, EPSILON)
    seed: int = 0


class Played(NamedTuple):
    """By step: the norm of the generator's gradient, and the critic's loss."""

    norms: list[float]
    losses: list[float]


def play(critic: nn.Module, generator: Generator, real: Tensor, game: Game) -> Played:
    """Train both nets.

    The critic minimises E softplus(-D(x)) + E softplus(D(G(z))), the generator E softplus(-D(G(z)))
    (Goodfellow et al. 2014, arXiv 1406.2661, the form that does not saturate).
    """
    dice = torch.Generator().manual_seed(game.seed)
    for_critic, for_generator = (
        torch.optim.Adam(net.parameters(), rate, betas=(0.5, 0.999), eps=epsilon, fused=True)
        for net, rate, epsilon in zip((critic, generator), game.rates, game.epsilons, strict=True)
    )

    def seen(pictures: Tensor) -> Tensor:
        return pictures + game.noise * torch.randn(pictures.shape, generator=dice)

    played, wanted = Played([], []), list(generator.parameters())
    critic.train()
    generator.train()
    for _ in range(game.steps):
        x = real[torch.randint(len(real), (game.batch,), generator=dice)]
        made = generator(torch.randn(game.batch, NUM_NOISE, generator=dice))
        scores = critic(seen(torch.cat((x, made.detach()))))[:, 0]
        loss = F.softplus(-scores[: game.batch]).mean() + F.softplus(scores[game.batch :]).mean()
        for_critic.zero_grad(set_to_none=True)
        loss.backward()
        played.losses.append(float(loss.detach()))
        for_critic.step()
        loss = F.softplus(-critic(seen(made))[:, 0]).mean()
        for_generator.zero_grad(set_to_none=True)
        loss.backward(inputs=wanted)
        played.norms.append(gradient_norm(generator))
        for_generator.step()
    return played


def gradient_norm(net: nn.Module) -> float:
    """The Euclidean norm of all gradients, in float64: that of 1e-30 squared is no zero."""
    squares = [p.grad.double().square().sum() for p in net.parameters() if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt())
