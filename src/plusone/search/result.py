"""What a search found: each pattern that was trained, best first, and what to do with one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from plusone.errors import InputError
from plusone.fix.pasted import code_of
from plusone.fix.recipe import recipe_of, save
from plusone.search.space import Pattern, Space
from plusone.theory import SkipChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A trained pattern, its score on held-out samples (higher is better) and its number.

    `baseline` is its name where it is one of those that every search runs, else "".
    """

    pattern: Pattern
    score: float
    number: int
    num_parameters: int
    seconds: float
    baseline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The trained patterns, best first; `num_pruned` were left out without training.

    `measure` says what the scores are: "accuracy" or "-loss", "" of none. `chain` is what the
    closed form knows of the layers, where theory was the guide.
    """

    space: Space
    tried: tuple[Tried, ...]
    num_pruned: int
    measure: str
    sampler: str
    seed: int
    is_interrupted: bool = False
    chain: SkipChain | None = field(default=None, repr=False)

    @property
    def best(self) -> Tried:
        """The pattern of the highest score.

        Raises:
            InputError: the search was ended before the first one.
        """
        if not self.tried:
            raise InputError("no pattern was trained: the search ended before its first trial did")
        return self.tried[0]

    def model(self, pattern: Pattern | None = None) -> nn.Module:
        """A copy of the subject's model with this pattern, untrained (None: the best one)."""
        return self.space.model(pattern or self.best.pattern, seed=self.seed)

    def recipe(self, pattern: Pattern | None = None) -> dict[str, object]:
        """The pattern as plain data, which `plusone.load` repeats on the model."""
        return recipe_of(self.space.edits(pattern or self.best.pattern), seed=self.seed)

    def code(self, pattern: Pattern | None = None) -> str:
        """Statements that put the pattern into a model called `model`."""
        edits = self.space.edits(pattern or self.best.pattern)
        return code_of(self.space.subject.model, edits, seed=self.seed)

    def save(self, path: str | Path) -> tuple[Path, Path]:
        """Writes the best model's untrained state_dict, and its recipe beside it as .json.

        Raises:
            InputError: a file cannot be written.
        """
        return save(self.model(), self.recipe(), path)

    def numbers(self) -> dict[str, object]:
        """As plain data for JSON, schema "plusone.search/1"."""
        return {
            "schema": "plusone.search/1",
            "target": self.space.subject.name,
            "sampler": self.sampler,
            "measure": self.measure,
            "places": [place.path for place in self.space.places],
            "interrupted": self.is_interrupted,
            "pruned": self.num_pruned,
            "tried": [
                {
                    "number": t.number,
                    "spans": list(t.pattern.spans),
                    "scale": t.pattern.scale,
                    "score": t.score if abs(t.score) != float("inf") else None,
                    "parameters": t.num_parameters,
                    "seconds": t.seconds,
                    "baseline": t.baseline,
                }
                for t in self.tried
            ],
            "recipe": self.recipe() if self.tried else None,
        }

    def to_html(self) -> str:
        """The result as one HTML page that needs no network and no scripts."""
        from plusone.search.show.page import page

        return page(self)

    def __str__(self) -> str:
        from plusone.search.text import result_text

        return result_text(self)
