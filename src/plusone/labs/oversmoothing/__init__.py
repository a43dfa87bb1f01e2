"""Lab: deep graph nets make nodes alike; which skips only delay that, and which cure it."""

from plusone.labs.oversmoothing.lab import LAB

__all__ = ["LAB"]
