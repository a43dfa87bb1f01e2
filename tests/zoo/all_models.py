"""Every model of the zoo, in the order of the table in docs/zoo.md."""

from __future__ import annotations

from zoo.diffusion_models import DIFFUSION_MODELS
from zoo.entry import Entry
from zoo.graph_models import GRAPH_MODELS
from zoo.image_models import IMAGE_MODELS
from zoo.language_models import LANGUAGE_MODELS
from zoo.more_image_models import MORE_IMAGE_MODELS
from zoo.more_language_models import MORE_LANGUAGE_MODELS
from zoo.segmentation_models import SEGMENTATION_MODELS
from zoo.torch_models import TORCH_MODELS

ALL_MODELS: tuple[Entry, ...] = (
    *IMAGE_MODELS,
    *MORE_IMAGE_MODELS,
    *SEGMENTATION_MODELS,
    *DIFFUSION_MODELS,
    *LANGUAGE_MODELS,
    *MORE_LANGUAGE_MODELS,
    *GRAPH_MODELS,
    *TORCH_MODELS,
)
