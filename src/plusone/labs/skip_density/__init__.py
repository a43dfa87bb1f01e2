"""Lab: the phase diagram over depth and skip density, in closed form and by training."""

from plusone.labs.skip_density.lab import LAB

__all__ = ["LAB"]
