"""What a target string names."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusone.errors import TargetError
from plusone.target.spec import Spec, parse


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("nets.py:build", Spec(source="file", where="nets.py", name="build")),
        ("a/b c/nets.py:Net.tiny", Spec(source="file", where="a/b c/nets.py", name="Net.tiny")),
        (r"C:\nets.py:build", Spec(source="file", where=r"C:\nets.py", name="build")),
        ("nets.py", Spec(source="file", where="nets.py")),
        ("pkg.nets:build", Spec(source="module", where="pkg.nets", name="build")),
        ("timm:resnet50", Spec(source="timm", where="resnet50")),
        ("hf:gpt2", Spec(source="hf", where="gpt2")),
        ("hf:some/config.json", Spec(source="hf", where="some/config.json")),
        ("tv:resnet18", Spec(source="tv", where="resnet18")),
        ("model.pt2", Spec(source="exported", where="model.pt2")),
        ("weights.pth", Spec(source="weights", where="weights.pth")),
        (" nets.py:build ", Spec(source="file", where="nets.py", name="build")),
    ],
)
def test_each_form_of_a_target_is_told_from_the_others(text: str, spec: Spec) -> None:
    assert parse(text) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the target is empty"),
        ("timm:", "'timm:' names no model: write timm:NAME"),
        ("resnet50", "did you mean timm:resnet50"),
        ("net.onnx", "an ONNX file keeps no gradients"),
        ("config.json", "write hf:config.json"),
        ("nets.py:1st", "'1st' after the colon is no name"),
        ("https://example.org/net", "is no target: .* after the colon"),
    ],
)
def test_a_string_of_no_form_is_refused_with_the_forms(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        parse(text)


@given(st.text(max_size=40))
def test_any_string_is_parsed_or_refused_in_one_line(text: str) -> None:
    with suppress(TargetError):
        assert parse(text).where
