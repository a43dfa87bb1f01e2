"""Targets in the user's own code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from plusone.errors import InputError, TargetError
from plusone.target import TargetOptions, resolve

Write = Callable[..., str]
GOOD = """
    import torch
    from torch import nn

    def build():
        return nn.Linear(3, 2), torch.randn(4, 3)

    def trained():
        return nn.Linear(3, 2), torch.randn(4, 3), torch.zeros(4, 2), nn.functional.mse_loss

    def named():
        return nn.Linear(3, 2), {"input": torch.randn(4, 3)}

    def bare():
        return nn.Linear(3, 2)

    class Net(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)

    model = nn.Linear(3, 2)
    pair = model, torch.randn(4, 3)
    weights = model.state_dict()
    number = 7
    empty = None
    three = model, torch.randn(4, 3), torch.zeros(4)
    swapped = torch.randn(4, 3), model

    def raises():
        raise KeyError("depth")

    def leaves():
        raise SystemExit(3)

    def needs(depth, width=2):
        return None
"""


def test_a_function_gives_the_model_and_its_inputs(write: Write) -> None:
    path = write(GOOD)
    subject = resolve(f"{path}:build")
    assert subject.name == f"{path}:build"
    assert [tuple(a.shape) for a in subject.args if isinstance(a, torch.Tensor)] == [(4, 3)]
    assert subject.targets is None
    assert subject.loss_fn is None


def test_a_function_may_give_targets_and_a_loss(write: Write) -> None:
    subject = resolve(f"{write(GOOD)}:trained")
    assert subject.loss_fn is torch.nn.functional.mse_loss
    assert isinstance(subject.targets, torch.Tensor)


def test_a_dict_of_inputs_becomes_keyword_arguments(write: Write) -> None:
    subject = resolve(f"{write(GOOD)}:named")
    assert subject.args == ()
    assert list(subject.kwargs) == ["input"]


def test_an_object_is_taken_as_it_is(write: Write) -> None:
    assert isinstance(resolve(f"{write(GOOD)}:pair").model, torch.nn.Linear)


@pytest.mark.parametrize("name", ["bare", "model", "Net"])
def test_a_bare_model_takes_its_inputs_from_the_options(write: Write, name: str) -> None:
    subject = resolve(f"{write(GOOD)}:{name}", TargetOptions(inputs=("5,3",)))
    (x,) = subject.args
    assert isinstance(x, torch.Tensor)
    assert x.shape == (5, 3)


def test_a_bare_model_without_inputs_is_told_how_to_give_them(write: Write) -> None:
    with pytest.raises(InputError, match=r"comes without inputs.*--input 4,3,224,224"):
        resolve(f"{write(GOOD)}:bare")


def test_the_same_seed_builds_the_same_weights_and_another_seed_others(write: Write) -> None:
    target = f"{write(GOOD)}:build"
    first, again, other = (resolve(target, TargetOptions(seed=s)).model for s in (1, 1, 2))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_resolving_leaves_the_global_random_state_alone(write: Write) -> None:
    before = torch.get_rng_state()
    resolve(f"{write(GOOD)}:build")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_file_may_import_its_neighbour_and_leaves_no_path_behind(write: Write) -> None:
    write("WIDTH = 3", file="neighbour_of_nets.py")
    code = """
        import torch
        def build():
            import neighbour_of_nets  # found while the function runs, too
            return torch.nn.Linear(neighbour_of_nets.WIDTH, 2), torch.randn(1, 3)
    """
    before = list(sys.path)
    assert resolve(f"{write(code)}:build").model.in_features == 3
    assert sys.path == before


def test_a_module_is_imported_from_the_current_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(GOOD, file="a_package/some_nets.py")
    monkeypatch.chdir(tmp_path)
    subject = resolve("a_package.some_nets:build")
    assert isinstance(subject.model, torch.nn.Linear)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("biuld", r"has no 'biuld'; did you mean build\?"),
        ("zzz", "has no 'zzz'; it defines build, trained"),
        ("weights", r"is a state_dict \(2 tensors\).*nothing to scan.*load_state_dict"),
        (
            "number",
            r"nets.py:number is an int, not a torch.nn.Module; it should be \(model, inputs\)",
        ),
        ("empty", r"nets.py:empty is None, not a torch.nn.Module"),
        ("three", "is a tuple of 3; it should be"),
        ("swapped", "the first of .* is a Tensor.*: the model comes first"),
        ("raises", r"calling .*nets.py:raises\(\) raised KeyError: 'depth' \(nets.py, line 30\)"),
        ("leaves", r"calling .*nets.py:leaves\(\) raised SystemExit: 3"),
        ("needs", "needs depth, but plusone calls it without arguments"),
    ],
)
def test_a_name_that_gives_no_model_is_refused_with_the_reason(
    write: Write, name: str, message: str
) -> None:
    with pytest.raises(TargetError, match=message):
        resolve(f"{write(GOOD)}:{name}")


def test_a_file_without_a_name_lists_what_it_defines(write: Write) -> None:
    with pytest.raises(TargetError, match=r"nets.py:NAME.*it defines build, trained, named"):
        resolve(write(GOOD))


def test_a_file_that_is_not_there_is_named_with_its_folder(write: Write, tmp_path: Path) -> None:
    write(GOOD)
    with pytest.raises(TargetError, match=r"there is no file .*net.py.*did you mean nets.py\?"):
        resolve(f"{tmp_path}/net.py:build")


def test_a_file_that_raises_on_import_is_blamed_with_its_line(write: Write) -> None:
    path = write("import torch\nx = 1\nraise ValueError('too deep')\n")
    with pytest.raises(TargetError, match=r"raised ValueError: too deep \(nets.py, line 3\)"):
        resolve(f"{path}:build")


def test_a_file_with_a_syntax_error_is_blamed_with_its_line(write: Write) -> None:
    path = write("x = 1\ndef build(:\n")
    with pytest.raises(TargetError, match=r"raised SyntaxError: .* \(nets.py, line 2\)"):
        resolve(f"{path}:build")


def test_a_file_that_misses_a_package_says_which(write: Write) -> None:
    path = write("import no_such_package_anywhere\n")
    message = r"ModuleNotFoundError: No module named 'no_such_package_anywhere' \(nets.py, line 1\)"
    with pytest.raises(TargetError, match=message):
        resolve(f"{path}:build")


def test_a_module_that_is_not_there_is_told_from_one_that_fails(write: Write) -> None:
    with pytest.raises(TargetError, match="there is no module 'no_such_module'"):
        resolve("no_such_module.nets:build")


def test_the_error_keeps_the_original_exception_as_its_cause(write: Write) -> None:
    with pytest.raises(TargetError) as caught:
        resolve(f"{write(GOOD)}:raises")
    assert isinstance(caught.value.__cause__, KeyError)


def test_on_the_meta_device_a_function_builds_no_weights(write: Write) -> None:
    subject = resolve(f"{write(GOOD)}:build", TargetOptions(device="meta"))
    assert subject.model.weight.is_meta
    assert all(a.is_meta for a in subject.args if isinstance(a, torch.Tensor))
    assert subject.notes == ()


def test_a_function_that_needs_values_is_built_with_weights_and_a_note(write: Write) -> None:
    code = """
        import torch
        def build():
            scale = torch.ones(()).item()
            return torch.nn.Linear(3, 2), torch.randn(1, 3) * scale
    """
    subject = resolve(f"{write(code)}:build", TargetOptions(device="meta"))
    assert not subject.model.weight.is_meta
    assert "built with weights, not on meta" in subject.notes[0]
