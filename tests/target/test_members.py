"""The fast walks over a model give what torch's own give, in the same order."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plusone.target.members import modules_of, parameters_of, tensors_of


def _tied() -> nn.Module:
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3, bias=False)})
    model["b"].weight = model["a"].weight
    model["again"] = model["a"]
    model.register_module("none", None)
    model.register_buffer("seen", torch.zeros(2))
    model.register_parameter("missing", None)
    return model


MODELS = {
    "a layer": lambda: nn.Linear(2, 2),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.BatchNorm1d(2)), nn.LSTM(2, 2)),
    "tied and missing": _tied,
    "a transformer": lambda: nn.Transformer(4, 2, 1, 1, 8, batch_first=True),
    "scripted": lambda: torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))),
}


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_members_are_those_that_torch_names(build: object) -> None:
    model = build()  # type: ignore[operator]
    for mine, theirs in (
        (modules_of(model), model.named_modules()),
        (parameters_of(model), model.named_parameters()),
        (tensors_of(model), [*model.named_parameters(), *model.named_buffers()]),
    ):
        expected = list(theirs)
        assert [name for name, _ in mine] == [name for name, _ in expected]
        if not isinstance(model, torch.jit.ScriptModule):
            assert all(a is b for (_, a), (_, b) in zip(mine, expected, strict=True))
