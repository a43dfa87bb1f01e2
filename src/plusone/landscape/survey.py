"""The landscape around one model: curvature, slices, a plane, and their numbers."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from plusone import __version__
from plusone.errors import CaptureError, InputError
from plusone.landscape.density import Density, DensityConfig, spectral_density
from plusone.landscape.directions import Direction, random_direction
from plusone.landscape.eigenvalues import EigenConfig, Eigenvalues, recurrence_of, top_eigenvalues
from plusone.landscape.hutchinson import Trace, TraceConfig, trace
from plusone.landscape.interrupted import Interrupted, Watch
from plusone.landscape.loss import Terrain, terrain_of
from plusone.landscape.plane import GridConfig, Slice, Surface, line, surface
from plusone.landscape.settled import Statistics
from plusone.landscape.shape import SliceShape, SurfaceShape, slice_shape, surface_shape
from plusone.records import NotMeasured
from plusone.target.subject import LossFn, Subject, subject_of

SCHEMA = "plusone.landscape/1"
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyConfig:
    """What is measured and how hard.

    `plane` False leaves the surface at its two slices. `hessian` False leaves out all curvature,
    `density` None the density alone. `seed` draws directions and probes.
    """

    grid: GridConfig = field(default_factory=GridConfig)
    eigenvalues: EigenConfig = field(default_factory=lambda: EigenConfig(tol=1e-2, max_steps=60))
    trace: TraceConfig = field(default_factory=TraceConfig)
    density: DensityConfig | None = field(default_factory=lambda: DensityConfig(num_steps=40))
    plane: bool = True
    hessian: bool = True
    statistics: Statistics = "batch"
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What a survey found; a part that is None stands in `not_measured` or was not asked for.

    `mode` says which statistics batch norms used, `is_interrupted` that Ctrl-C ended it: what was
    computed by then is there.
    """

    schema: str = SCHEMA
    target: str
    num_parameters: int
    mode: str
    seed: int
    loss: float
    gradient_norm: float | None = None
    eigenvalues: Eigenvalues | None = None
    trace: Trace | None = None
    density: Density | None = None
    slices: tuple[Slice, ...] = ()
    slice_shapes: tuple[SliceShape, ...] = ()
    surface: Surface | None = None
    surface_shape: SurfaceShape | None = None
    not_measured: tuple[NotMeasured, ...] = ()
    is_interrupted: bool = False
    seconds: float = 0.0
    plusone: str = __version__
    torch: str = ""
    python: str = ""


def survey(
    model: object,
    inputs: object,
    targets: object | None = None,
    loss_fn: LossFn | None = None,
    *,
    config: SurveyConfig | None = None,
    progress: Progress | None = None,
) -> Landscape:
    """The landscape around `model` on one batch; the model is left as it was.

    `inputs`, `targets` and `loss_fn` are those of `plusone.scan`. `progress` is told each stage
    and the share of it that is done. Ctrl-C ends it early with what was computed by then.

    Raises:
        PlusoneError: there is no loss, nothing can be trained, or the forward raised.
    """
    subject = subject_of(model, inputs, targets, loss_fn)
    return survey_subject(subject, config or SurveyConfig(), progress)


def survey_subject(
    subject: Subject, config: SurveyConfig, progress: Progress | None = None
) -> Landscape:
    """The landscape around a resolved subject (see `survey`)."""
    config.grid.positions()  # refuses a bad grid before anything is computed
    start = time.perf_counter()
    with terrain_of(subject, statistics=config.statistics, seed=config.seed) as here:
        under_way = _Survey(here, config, progress or (lambda stage, share: None))
        under_way.run()
    return replace(under_way.found, seconds=time.perf_counter() - start)


class _Survey:
    """One survey under way: each stage adds its part to `found`."""

    def __init__(self, here: Terrain, config: SurveyConfig, tell: Progress) -> None:
        self._here = here
        self._config = config
        self._tell = tell
        self.found = Landscape(
            target=here.subject.name,
            num_parameters=here.size,
            mode=here.statistics,
            seed=config.seed,
            loss=here.value(),
            torch=str(torch.__version__),
            python=platform.python_version(),
        )

    def run(self) -> None:
        """All stages, or those that Ctrl-C leaves."""
        try:
            if self._config.hessian:
                self._curvature()
            self._grid()
        except KeyboardInterrupt:  # what a stage had by then was kept by `_kept`
            self.found = replace(self.found, is_interrupted=True)

    def _curvature(self) -> None:
        config = self._config
        source = torch.Generator().manual_seed(config.seed)
        try:
            with self._here.hessian() as H:
                norm = float(torch.linalg.vector_norm(H.gradient))
                self.found = replace(self.found, gradient_norm=norm)
                run = recurrence_of(H, generator=source)
                self._kept(
                    "eigenvalues",
                    partial(top_eigenvalues, H, config=config.eigenvalues, recurrence=run),
                )
                self._kept(
                    "trace",
                    partial(trace, H, config=config.trace, generator=source, recurrence=run),
                )
                run.basis.clear()  # as large as the parameters, times the steps
                if config.density is not None:
                    self._kept(
                        "density",
                        partial(spectral_density, H, config=config.density, generator=source),
                    )
        except CaptureError as error:
            gap = NotMeasured(what="curvature", why=str(error))
            self.found = replace(self.found, not_measured=(*self.found.not_measured, gap))

    def _grid(self) -> None:
        config, here = self._config, self._here
        source = torch.Generator().manual_seed(config.seed)
        try:
            first, second = (random_direction(here, generator=source) for _ in range(2))
        except InputError as error:
            gap = NotMeasured(what="slices and surface", why=str(error))
            self.found = replace(self.found, not_measured=(*self.found.not_measured, gap))
            return
        if config.plane:
            self._kept("surface", partial(surface, here, (first, second), config=config.grid))
        else:
            self._kept("slices", partial(_both_lines, here, (first, second), config.grid))

    def _kept(self, part: str, compute: Callable[..., object]) -> None:
        """Adds to `found` what `compute` gives, or has when it is interrupted."""
        try:
            result = compute(watch=partial(self._tell, part))
        except Interrupted as error:
            self._add(part, error.partial)
            raise
        self._add(part, result)

    def _add(self, part: str, result: object) -> None:
        self.found = replace(self.found, **{part: result})  # type: ignore[arg-type]
        if isinstance(result, Surface):
            self.found = replace(
                self.found, surface_shape=surface_shape(result), slices=result.slices
            )
        if part in ("surface", "slices"):
            shapes = tuple(map(slice_shape, self.found.slices))
            self.found = replace(self.found, slice_shapes=shapes)


def _both_lines(
    here: Terrain,
    directions: tuple[Direction, Direction],
    grid: GridConfig,
    *,
    watch: Watch,
) -> tuple[Slice, ...]:
    found: list[Slice] = []

    def told(share: float) -> None:
        watch((len(found) + share) / len(directions))

    for direction in directions:
        try:
            found.append(line(here, direction, config=grid, watch=told))
        except Interrupted as error:
            raise Interrupted((*found, error.partial)) from error
    return tuple(found)
