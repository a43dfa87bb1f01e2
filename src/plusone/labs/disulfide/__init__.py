"""Lab: a disulfide bond is a long-range skip of a protein's chain."""

from plusone.labs.disulfide.lab import LAB

__all__ = ["LAB"]
