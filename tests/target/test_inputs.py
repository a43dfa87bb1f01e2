"""Inputs from the command line."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from plusone.errors import InputError
from plusone.target.inputs import InputSpec, draw_inputs, parse_input, read_inputs


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("4,3,8,8", InputSpec(shape=(4, 3, 8, 8))),
        ("4x3x8x8", InputSpec(shape=(4, 3, 8, 8))),
        ("2,16:int64", InputSpec(shape=(2, 16), dtype=torch.int64)),
        ("ids=2,16:long:99", InputSpec(name="ids", shape=(2, 16), dtype=torch.int64, below=99)),
        ("mask=2:bool", InputSpec(name="mask", shape=(2,), dtype=torch.bool)),
        ("t=:float64", InputSpec(name="t", shape=(), dtype=torch.float64)),
    ],
)
def test_a_specification_gives_name_shape_type_and_bound(text: str, spec: InputSpec) -> None:
    assert parse_input(text) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("four", r"--input 'four' cannot be read: write \[NAME=\]SIZES"),
        ("4,,8", "has an empty or zero size"),
        ("4,0,8", "has an empty or zero size"),
        ("-1,3", "cannot be read"),
        ("4,3:int46", r"unknown dtype 'int46'; did you mean int64"),
        ("4,3:quux", "unknown dtype 'quux'; known are bfloat16"),
        ("4:int64:many", "the bound 'many' is no positive whole number"),
    ],
)
def test_a_wrong_specification_is_refused_with_the_syntax(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_input(text)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=5), st.sampled_from(",x"))
def test_any_sizes_are_read_back(sizes: list[int], separator: str) -> None:
    assert parse_input(separator.join(map(str, sizes))).shape == tuple(sizes)


def test_unnamed_inputs_are_positional_and_named_ones_keywords() -> None:
    model = nn.Identity()
    positional = draw_inputs(("2,3", "4"), model, generator=generator())
    named = draw_inputs(("a=2,3", "b=4"), model, generator=generator())
    assert isinstance(positional, tuple)
    assert isinstance(named, dict)
    assert list(named) == ["a", "b"]


def test_named_and_unnamed_inputs_do_not_mix() -> None:
    with pytest.raises(InputError, match="either all --input are named"):
        draw_inputs(("2,3", "b=4"), nn.Identity(), generator=generator())


def test_a_name_comes_once() -> None:
    with pytest.raises(InputError, match="come more than once"):
        draw_inputs(("a=2", "a=4"), nn.Identity(), generator=generator())


def test_indices_fit_the_smallest_embedding() -> None:
    model = nn.ModuleList([nn.Embedding(50, 4), nn.Embedding(7, 4)])
    (ids,) = draw_inputs(("1000:int64",), model, generator=generator())
    assert isinstance(ids, torch.Tensor)
    assert int(ids.max()) == 6


def test_a_stated_bound_is_used_up_to_its_last_index() -> None:
    (ids,) = draw_inputs(("1000:int64:30",), nn.Identity(), generator=generator())
    assert isinstance(ids, torch.Tensor)
    assert (int(ids.min()), int(ids.max())) == (0, 29)


def test_real_inputs_have_unit_variance() -> None:
    (x,) = draw_inputs(("100,100:bfloat16",), nn.Identity(), generator=generator())
    assert isinstance(x, torch.Tensor)
    assert x.dtype == torch.bfloat16
    assert x.float().std() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("value", [torch.ones(2, 3), (torch.ones(2), {"m": torch.ones(1)})])
def test_saved_tensors_are_read(value: object, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "batch.pt")
    assert type(read_inputs(str(tmp_path / "batch.pt"))) is type(value)


def test_saved_safetensors_are_read_as_keyword_arguments(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"pixels": torch.ones(2, 3)}, tmp_path / "batch.safetensors")
    inputs = read_inputs(str(tmp_path / "batch.safetensors"))
    assert isinstance(inputs, dict)
    assert inputs["pixels"].shape == (2, 3)


def test_a_file_of_inputs_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="there is no file 'nowhere.pt' to read inputs from"):
        read_inputs("nowhere.pt")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save("a sentence", tmp_path / "batch.pt")
    with pytest.raises(InputError, match="holds a str: inputs are a tensor"):
        read_inputs(str(tmp_path / "batch.pt"))


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the pickle was run",))


def test_a_pickle_of_inputs_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save((torch.ones(1), Trap()), tmp_path / "batch.pt")
    with pytest.raises(InputError, match="pickled Python objects, which can run any code"):
        read_inputs(str(tmp_path / "batch.pt"))


def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "batch.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="pickled Python objects"):
        read_inputs(str(tmp_path / "batch.pkl"))


@pytest.mark.parametrize("text", ["999999999999,8", "99999999999999999999,8", "999999999999:int64"])
def test_sizes_for_which_there_is_no_memory_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="for which there is no memory"):
        draw_inputs((text,), nn.Identity(), generator=torch.Generator())
