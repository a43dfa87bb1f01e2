"""What the latent of a trained autoencoder holds, and what it is used for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plusone.labs.posterior_collapse.nets import Vae, divergences, reconstruction

ACTIVE = 0.01


@torch.no_grad()
def held(net: Vae, x: Tensor, *, seed: int) -> dict[str, float]:
    """KL, information, reconstruction and what another's latent costs, in nats; active units."""
    net.eval()
    generator = torch.Generator().manual_seed(seed)
    u, mean, log_variance = net.encode(x)
    noise = torch.randn(mean.shape, generator=generator)
    z = mean + torch.exp(log_variance / 2) * noise
    own = float(reconstruction(net.decode(z, u), x))
    other = float(reconstruction(net.decode(z.roll(len(z) // 2, 0), u), x))
    return {
        "divergence": float(divergences(mean, log_variance).sum(1).mean()),
        "information": information(mean, log_variance, z),
        "active": float(active_units(mean)),
        "reconstruction": own,
        "swapped": other - own,
    }


def active_units(mean_NU: Tensor) -> int:
    """The units whose posterior mean varies over samples by more than 0.01 (Burda et al. 2016,
    arXiv 1509.00519, section 5.2)."""
    return int((mean_NU.var(0) > ACTIVE).sum())


def information(mean_NU: Tensor, log_variance_NU: Tensor, z_NU: Tensor) -> float:
    """The mutual information of picture and latent over N pictures, in nats: at most ln N.

    I = E_n [log q(z_n | n) - log 1/N sum_m q(z_n | m)], z_n drawn from q(. | n) (Hoffman and
    Johnson 2016, equation 6). Exact in the mean over draws. Cost: O(N^2 units).
    """
    far = (z_NU[:, None] - mean_NU[None]).square() / log_variance_NU.exp()[None]
    log_q_NN = -(far + log_variance_NU[None]).sum(2) / 2  # without the constant
    mixed = log_q_NN.logsumexp(1) - math.log(len(z_NU))
    return float((log_q_NN.diagonal() - mixed).mean())


@torch.no_grad()
def shown(net: Vae, x: Tensor, *, seed: int) -> Tensor:
    """Pictures, what the net makes of them, and of them with the next one's latent: [3, N, P]."""
    net.eval()
    u, mean, log_variance = net.encode(x)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
    z = mean + torch.exp(log_variance / 2) * noise
    rows = [x, *(torch.sigmoid(net.decode(latent, u)) for latent in (z, z.roll(1, 0)))]
    return (torch.stack(rows) * 100).round() / 100
