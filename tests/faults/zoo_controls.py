"""The zoo's models, of timm, torchvision, transformers and the like, as healthy controls."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from faults.case import Built, Control
from zoo.entry import Entry

# Entries that take longer than five seconds to build and scan are left out.
TOO_LONG: frozenset[str] = frozenset()


def entries() -> list[Entry]:
    """Every model of the zoo that is fast enough."""
    if find_spec("zoo.all_models") is not None:
        found = import_module("zoo.all_models").ALL_MODELS
    else:
        parts = ("image_models.IMAGE", "language_models.LANGUAGE", "graph_models.GRAPH")
        pairs = [part.split(".") for part in parts]
        lists = [getattr(import_module(f"zoo.{m}"), f"{name}_MODELS") for m, name in pairs]
        found = [entry for entries in lists for entry in entries]
    return [entry for entry in found if entry.name not in TOO_LONG]


def controls() -> list[Control]:
    """The zoo as controls, each at its own initialisation."""
    return [
        Control(
            kind="zoo",
            name=entry.name,
            build=lambda entry=entry: _built(entry),
            is_slow=entry.is_slow,
        )
        for entry in entries()
    ]


def _built(entry: Entry) -> Built:
    model, inputs = entry.build()
    return Built(model=model, inputs=inputs)
