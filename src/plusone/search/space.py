"""Where the skips of a model may go: its places in a line, and the patterns of skips over them.

A place is where a skip may leave or return: in front of a layer with weights that all of the stream
enters. Into each place one skip may come, from `span` places before; its shape is kept, or a
projection changes it. A pattern is carried out by the edits of `plusone.fix`, on a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from torch import nn

from plusone.errors import InputError
from plusone.fix.chains import Style, places_of, projection, rounded
from plusone.fix.edits import Edit, InsertSkip
from plusone.fix.edits.edit import Part
from plusone.fix.refuse import refusal
from plusone.fix.sites import Site, survey
from plusone.fix.surgery import edited
from plusone.target.subject import Subject

Kind = Literal["identity", "projection"]
Scale = Literal["one", "rsqrt", "zero"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SCALES: tuple[Scale, ...] = get_args(Scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceConfig:
    """Which skips are allowed: spans of at most `max_span` places, these kinds, these scales.

    `scales` are of the branch that a skip goes around: "one" x + F(x), "rsqrt" x + F(x)/sqrt(n) of
    n skips, "zero" a learned factor that starts at 0 (SkipInit). `max_skips` bounds their number,
    `max_parameters` the parameters of the whole model with the skips' own.
    """

    max_span: int | None = None
    kinds: tuple[Kind, ...] = KINDS
    scales: tuple[Scale, ...] = ("one",)
    max_skips: int | None = None
    max_parameters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """`spans[t - 1]` is how many places back the skip leaves that returns at place t; 0: none."""

    spans: tuple[int, ...]
    scale: Scale = "one"

    @property
    def num_skips(self) -> int:
        """How many skips there are."""
        return sum(span > 0 for span in self.spans)

    @property
    def density(self) -> float:
        """The share of places at which a skip returns."""
        return self.num_skips / max(len(self.spans), 1)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(place where a skip leaves, place where it returns), counted from 0."""
        return tuple((t - s, t) for t, s in enumerate(self.spans, start=1) if s)

    def __str__(self) -> str:
        scale = "" if self.scale == "one" else f" scale {self.scale}"
        return " ".join(map(str, self.spans)) + scale


class Space:
    """The places of a subject and the spans that are allowed at each. Made by `space_of`."""

    def __init__(self, subject: Subject, places: Sequence[Site], config: SpaceConfig) -> None:
        self.subject = subject
        self.places = tuple(places)
        self.config = config
        self._costs: dict[tuple[int, int, Scale], int] = {}

    @property
    def num_layers(self) -> int:
        """How many places a skip may return at."""
        return len(self.places) - 1

    @cached_property
    def reach(self) -> tuple[tuple[int, ...], ...]:
        """For each place but the first, the spans of skips that may return there, 0 first."""
        most = self.config.max_span or self.num_layers
        return tuple(
            (0, *(s for s in range(1, min(t, most) + 1) if self._fits(t - s, t)))
            for t in range(1, len(self.places))
        )

    def _fits(self, source: int, goal: int) -> bool:
        if self.is_identity(source, goal):
            return "identity" in self.config.kinds
        made = projection(self.places[source], self.places[goal])
        return "projection" in self.config.kinds and made is not None

    def is_identity(self, source: int, goal: int) -> bool:
        """Whether a skip between two places is the identity, and not a projection."""
        return self.places[source].shape == self.places[goal].shape

    def check(self, pattern: Pattern) -> None:
        """Raises InputError unless the pattern lies in the space."""
        if len(pattern.spans) != self.num_layers:
            raise InputError(
                f"the pattern has {len(pattern.spans)} spans, and {self.subject.name} "
                f"{self.num_layers} places at which a skip may return"
            )
        for t, span in enumerate(pattern.spans, start=1):
            if span not in self.reach[t - 1]:
                allowed = ", ".join(map(str, self.reach[t - 1]))
                raise InputError(
                    f"no skip of span {span} can return at {self.places[t].path} (place {t}); "
                    f"spans there are {allowed}"
                )

    def num_parameters(self, pattern: Pattern) -> int:
        """The parameters of the model with this pattern."""
        return self._bare + sum(self._cost(*pair, pattern) for pair in pattern.pairs)

    def excess(self, pattern: Pattern) -> str:
        """What of the budget the pattern exceeds; "" where it keeps to it."""
        most, largest = self.config.max_skips, self.config.max_parameters
        if most is not None and pattern.num_skips > most:
            return f"{pattern.num_skips} skips of {most}"
        if largest is not None and (found := self.num_parameters(pattern)) > largest:
            return f"{found:,} parameters of {largest:,}"
        return ""

    def trimmed(self, pattern: Pattern) -> Pattern:
        """The pattern without as many skips as exceed the budget, the same ones each time."""
        spans = list(pattern.spans)
        held = [t for t, span in enumerate(spans) if span]
        for t in np.random.default_rng(pattern.spans).permutation(held).tolist():
            if not self.excess(pattern):
                break
            spans[t] = 0
            pattern = replace(pattern, spans=tuple(spans))
        return pattern

    @cached_property
    def _bare(self) -> int:
        return sum(p.numel() for p in self.subject.model.parameters())

    def _cost(self, source: int, goal: int, pattern: Pattern) -> int:
        """The parameters of one skip: its projection's and its scale's."""
        key = (source, goal, pattern.scale)
        if key not in self._costs:
            part = projection(self.places[source], self.places[goal])
            scale = _scale_part(pattern)
            made = [p.build(self.places[goal].module) for p in (part, scale) if p is not None]
            self._costs[key] = sum(p.numel() for m in made for p in m.parameters())
        return self._costs[key]

    def edits(self, pattern: Pattern) -> tuple[Edit, ...]:
        """The edits that make the pattern; a skip's start stands before its end."""
        self.check(pattern)
        part = _scale_part(pattern)
        starts: list[Edit] = []
        ends: list[Edit] = []
        for line, (source, goal) in enumerate(pattern.pairs):
            a, b = self.places[source], self.places[goal]
            starts.append(InsertSkip(path=a.path, line=line, is_first=True))
            ends.append(
                InsertSkip(
                    path=b.path,
                    line=line,
                    is_last=True,
                    source=a.path,
                    skip=projection(a, b),
                    scale=part,
                )
            )
        return (*starts, *ends)

    def model(self, pattern: Pattern, *, seed: int = 0) -> nn.Module:
        """A copy of the subject's model with the pattern; new weights are drawn from `seed`."""
        return edited(self.subject.model, self.edits(pattern), seed=seed)

    def named(self) -> dict[str, Pattern]:
        """The patterns that every search is compared with: no skips, all, and periodic ones."""
        found = {"no skips": (0,) * self.num_layers}
        found["all-skip"] = tuple(next((s for s in r if s), 0) for r in self.reach)
        for period in (2, 4):
            found[f"period {period}"] = tuple(
                period if t % period == 0 and period in r else 0
                for t, r in enumerate(self.reach, start=1)
            )
        scale = self.config.scales[0]
        patterns = {name: Pattern(spans=spans, scale=scale) for name, spans in found.items()}
        kept: dict[str, Pattern] = {}
        for name, pattern in patterns.items():
            if pattern not in kept.values() and not self.excess(pattern):
                kept[name] = pattern
        return kept


def space_of(subject: Subject, config: SpaceConfig | None = None) -> Space:
    """The space of a subject, from one forward that leaves the model as it was.

    Raises:
        InputError: the model cannot be edited, or no skip can be put anywhere in it.
        CaptureError: the forward raised.
    """
    config = config or SpaceConfig()
    _check(config)
    refused = refusal(subject.model, subject.model)
    if refused:
        raise InputError(f"{subject.name} cannot be searched: {refused}")
    space = Space(subject, places_of(survey(subject), Style()), config)
    if len(space.places) < 2 or not any(len(r) > 1 for r in space.reach):
        found = len(space.places)
        raise InputError(
            f"the search space of {subject.name} is empty: {found} place{'s' * (found != 1)} where "
            "a skip could leave or return, and none for it to lead to; allow projections or "
            "longer spans, or give a model of more layers that are modules of their own"
        )
    bare = Pattern(spans=(0,) * space.num_layers)
    if space.excess(bare):
        raise InputError(
            f"no pattern of {subject.name} keeps to the budget: without any skip it has "
            f"{space.num_parameters(bare):,} parameters, and max_parameters is "
            f"{config.max_parameters:,}"
        )
    return space


def _check(config: SpaceConfig) -> None:
    for name, values, known in (
        ("kinds", config.kinds, KINDS),
        ("scales", config.scales, SCALES),
    ):
        unknown = [v for v in values if v not in known]
        if unknown or not values:
            what = repr(unknown[0]) if unknown else "nothing"
            raise InputError(f"{name} are of {', '.join(known)}, not {what}")
    for name in ("max_span", "max_skips", "max_parameters"):
        number = getattr(config, name)
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}; it must be 1 or more")


def _scale_part(pattern: Pattern) -> Part | None:
    if pattern.scale == "one" or not pattern.num_skips:
        return None
    if pattern.scale == "zero":
        return Part(name="SkipInit", args=(0.0,))
    return Part(name="ConstantScale", args=(rounded(pattern.num_skips**-0.5),))
