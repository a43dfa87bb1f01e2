"""Where the skips should go: patterns of skips over a model, tried with theory as the guide."""

from plusone.search.result import Result, Tried
from plusone.search.space import Pattern, Space, SpaceConfig, space_of
from plusone.search.study import SearchConfig, search
from plusone.search.training import Outcome, Training

__all__ = [
    "Outcome",
    "Pattern",
    "Result",
    "SearchConfig",
    "Space",
    "SpaceConfig",
    "Training",
    "Tried",
    "search",
    "space_of",
]
