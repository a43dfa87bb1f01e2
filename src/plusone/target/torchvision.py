"""Lets torchvision be imported where its compiled operators do not load.

The torchvision of the package index is built against a CUDA torch. Beside a CPU torch its
library cannot be loaded, and `import torchvision` then fails with "operator torchvision::nms does
not exist", and with it timm, transformers and segmentation_models_pytorch, although models need
none of these operators (pytorch/vision#9077). Declaring the two schemas that the import looks up
is enough; calling the operators still fails.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@cache
def make_importable() -> Literal["absent", "complete", "declared"]:
    """What was found and done: no torchvision, a whole one, or schemas declared in its place."""
    if "torchvision" in sys.modules:
        return "complete"
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return "absent"
    if _library_loads(Path(spec.submodule_search_locations[0])):
        return "complete"
    _declare()
    return "declared"


def _library_loads(folder: Path) -> bool:
    import torch

    ops: Any = torch.ops  # untyped
    for library in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd")):
        try:
            ops.load_library(str(library))
        except OSError:
            return False
    return hasattr(ops.torchvision, "nms")


@cache  # keeps the library alive: the schemas go when it does
def _declare() -> Any:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    return library
