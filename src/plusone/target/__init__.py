"""From a string, a file or a model to a `Subject`: a model with inputs that fit it."""

from plusone.target.options import TargetOptions
from plusone.target.resolve import resolve
from plusone.target.subject import Subject, subject_of

__all__ = ["Subject", "TargetOptions", "resolve", "subject_of"]
