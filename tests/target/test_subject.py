"""A model and inputs from Python, checked before anything runs."""

from __future__ import annotations

from collections import UserDict

import pytest
import torch
from torch import nn

from plusone.errors import InputError, TargetError
from plusone.target import Subject, subject_of

X = torch.ones(4, 3)


def net() -> nn.Module:
    return nn.Linear(3, 2)


def test_a_tensor_is_the_one_positional_argument() -> None:
    assert subject_of(net(), X).args == (X,)


def test_a_tuple_is_the_positional_arguments() -> None:
    assert len(subject_of(nn.Bilinear(3, 3, 2), (X, X)).args) == 2


@pytest.mark.parametrize("inputs", [{"input": X}, UserDict(input=X)])
def test_a_mapping_is_the_keyword_arguments(inputs: object) -> None:
    assert subject_of(net(), inputs).kwargs == {"input": X}


def test_anything_else_is_the_one_positional_argument() -> None:
    subject = subject_of(nn.Identity(), [X, X])
    assert len(subject.args) == 1


def test_the_name_is_the_model_class_where_none_is_given() -> None:
    assert subject_of(net(), X).name == "Linear"


def test_a_model_without_parameters_is_allowed() -> None:
    assert isinstance(subject_of(nn.ReLU(), X), Subject)


def test_a_model_without_inputs_may_be_given_an_empty_tuple() -> None:
    class Constant(nn.Module):
        def forward(self) -> torch.Tensor:
            return torch.ones(1)

    assert subject_of(Constant(), ()).args == ()


def test_compile_and_data_parallel_are_taken_off() -> None:
    inner = net()
    wrapped = nn.DataParallel(torch.compile(inner))  # type: ignore[arg-type]
    assert subject_of(wrapped, X).model is inner


def test_a_compiled_part_is_refused_by_its_path() -> None:
    model = nn.Sequential(net(), torch.compile(nn.ReLU()))  # type: ignore[arg-type]
    with pytest.raises(TargetError, match=r"module '1' of the model is compiled.*before torch.com"):
        subject_of(model, X)


def test_a_model_compiled_in_place_is_refused() -> None:
    model = net()
    model.compile()
    with pytest.raises(TargetError, match="the model is compiled"):
        subject_of(model, X)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_lazy_model_is_asked_to_run_once() -> None:
    with pytest.raises(TargetError, match="'weight' of the model has no shape yet"):
        subject_of(nn.LazyLinear(2), X)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "the model is None, not a torch.nn.Module: is a `return` missing"),
        (7, "the model is an int, not a torch.nn.Module"),
        (torch.relu, "wrap the computation in a module"),
        (nn.Linear, "is the class Linear, not a model: call it"),
        (nn.Linear(3, 2).state_dict(), r"is a state_dict \(2 tensors\)"),
    ],
)
def test_what_is_no_model_is_refused(model: object, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        subject_of(model, X)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, "Linear comes without inputs"),
        ((X, X), r"do not fit Linear: too many positional.*takes \(input\).*given 2 positional"),
        ((), r"missing a required argument: 'input'.*given nothing"),
        ({"x": X}, r"takes \(input\) and was given x"),
        ({1: X}, "a dict with the key 1: .* wrap it in a tuple"),
        (torch.ones(0, 3), r"input 0 has the shape \(0, 3\) and so no elements"),
        (torch.full((2, 3), torch.nan), r"input 0 of shape \(2, 3\) holds 6 NaN"),
        ({"input": X.to("meta")}, "input input is on meta but the model is on cpu"),
    ],
)
def test_inputs_that_cannot_fit_are_refused(inputs: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        subject_of(net(), inputs)


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("to", ["to_sparse_coo", "to_sparse_csr"])
def test_a_sparse_input_is_taken_unless_it_holds_a_nan(to: str) -> None:
    adjacency = torch.eye(2)
    assert subject_of(nn.Identity(), getattr(adjacency, to)()).args
    adjacency[1, 1] = torch.nan
    with pytest.raises(InputError, match=r"input 0 of shape \(2, 2\) holds 1 NaN"):
        subject_of(nn.Identity(), getattr(adjacency, to)())


def test_a_minus_infinity_in_a_mask_is_no_fault() -> None:
    assert subject_of(net(), torch.full((2, 3), -torch.inf)).args


def test_a_nested_input_is_named_by_its_place() -> None:
    with pytest.raises(InputError, match=r"input 0\[1\]\['a'\] has the shape \(0,\)"):
        subject_of(nn.Identity(), [X, {"a": torch.ones(0)}])


def test_targets_need_a_loss() -> None:
    with pytest.raises(InputError, match=r"with targets but without a loss.*cross_entropy"):
        subject_of(net(), X, torch.zeros(4))


def test_a_loss_is_called() -> None:
    with pytest.raises(InputError, match=r"the loss of Linear is a str, which cannot be called"):
        subject_of(net(), X, torch.zeros(4), "mse")  # type: ignore[arg-type]
