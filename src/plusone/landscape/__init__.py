"""The loss as a landscape over the parameters: curvature, slices and surfaces.

>>> from plusone.landscape import terrain, top_eigenvalues
>>> with terrain(model, x, y, cross_entropy) as here, here.hessian() as H:  # doctest: +SKIP
...     top_eigenvalues(H)
"""

from plusone.landscape.density import Density, DensityConfig, spectral_density
from plusone.landscape.directions import (
    Direction,
    direction_to,
    filter_normalised,
    random_direction,
)
from plusone.landscape.eigenvalues import (
    EigenConfig,
    Eigenvalue,
    Eigenvalues,
    recurrence_of,
    top_eigenvalues,
)
from plusone.landscape.hessian import HessianOperator
from plusone.landscape.hutchinson import Trace, TraceConfig, trace
from plusone.landscape.interrupted import Interrupted
from plusone.landscape.lanczos import Lanczos
from plusone.landscape.loss import Terrain, terrain, terrain_of
from plusone.landscape.operator import SymmetricOperator
from plusone.landscape.plane import GridConfig, Slice, Surface, line, surface
from plusone.landscape.shape import SliceShape, SurfaceShape, slice_shape, surface_shape
from plusone.landscape.survey import Landscape, SurveyConfig, survey, survey_subject
from plusone.landscape.warn import NotConvergedWarning

__all__ = [
    "Density",
    "DensityConfig",
    "Direction",
    "EigenConfig",
    "Eigenvalue",
    "Eigenvalues",
    "GridConfig",
    "HessianOperator",
    "Interrupted",
    "Lanczos",
    "Landscape",
    "NotConvergedWarning",
    "Slice",
    "SliceShape",
    "Surface",
    "SurfaceShape",
    "SurveyConfig",
    "SymmetricOperator",
    "Terrain",
    "Trace",
    "TraceConfig",
    "direction_to",
    "filter_normalised",
    "line",
    "random_direction",
    "recurrence_of",
    "slice_shape",
    "spectral_density",
    "surface",
    "surface_shape",
    "survey",
    "survey_subject",
    "terrain",
    "terrain_of",
    "top_eigenvalues",
    "trace",
]
