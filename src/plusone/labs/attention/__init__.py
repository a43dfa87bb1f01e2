"""Lab: one state has to hold a sentence, and attention lets each word read the source itself."""

from plusone.labs.attention.lab import LAB

__all__ = ["LAB"]
