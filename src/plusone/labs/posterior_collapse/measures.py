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
        "information": information(mean, log_variance),
        "told apart": told_apart(mean, log_variance, z),
        "active": float(active_units(mean)),
        "reconstruction": own,
        "swapped": other - own,
    }


def active_units(mean_NU: Tensor) -> int:
    """The units whose posterior mean varies over samples by more than 0.01 (Burda et al. 2016,
    arXiv 1509.00519, section 5.2)."""
    return int((mean_NU.var(0) > ACTIVE).sum())


def information(mean_NU: Tensor, log_variance_NU: Tensor) -> float:
    """The mutual information of picture and latent in nats, at most: H(z) - H(z | x) with the
    entropy of a normal z of the same covariance, which is the largest.

    I <= (ln det Cov(z) - E sum_u ln sigma_u^2) / 2: the KL less that of the normal with z's moments
    from the prior, exact where z over all pictures is normal. Unlike the KL it does not count what
    all pictures share, and unlike `told_apart` it does not end at ln N.
    """
    units = mean_NU.shape[1]
    deviations = (mean_NU - mean_NU.mean(0)).double()
    spread_UU = deviations.T @ deviations / len(mean_NU)
    spread_UU += torch.diag(log_variance_NU.double().exp().mean(0))
    own = float(log_variance_NU.double().sum(1).mean())
    return (float(torch.linalg.slogdet(spread_UU.reshape(units, units)).logabsdet) - own) / 2


def told_apart(mean_NU: Tensor, log_variance_NU: Tensor, z_NU: Tensor) -> float:
    """The mutual information of latent and the number of one of N pictures, in nats: at most ln N.

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
