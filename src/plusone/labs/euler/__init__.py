"""Lab: a residual block is a step of forward Euler, with its order and its limit of stability."""

from plusone.labs.euler.lab import LAB

__all__ = ["LAB"]
