"""Lab: a skip around a VAE's latent lets the decoder ignore it; what keeps the latent in use."""

from plusone.labs.posterior_collapse.lab import LAB

__all__ = ["LAB"]
