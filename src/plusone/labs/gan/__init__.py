"""Lab: a deep plain critic gives its generator no gradient; with skips it does."""

from plusone.labs.gan.lab import LAB

__all__ = ["LAB"]
