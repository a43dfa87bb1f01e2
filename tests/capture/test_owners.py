"""Each operation belongs to the call of the module that it ran in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from capture.recorded import WIDTH, Layer, Net, batch, recording_of, walked
from plusone.capture.eager import Recording
from plusone.capture.trace import Call, Op, Trace

pytestmark = pytest.mark.parametrize("capture", [recording_of, walked], ids=["recorder", "walk"])


def owners(trace: Trace, name: str) -> list[Call]:
    """The calls that the operations of this name ran in."""
    return [trace.calls[op.call] for op in trace.ops if op.name.rstrip("_") == name]


def test_the_first_call_is_the_models_own(capture: Any) -> None:
    trace = capture(Net(lambda n, x: x.sin()), batch()).trace
    assert trace.calls[0] == Call("", "Net", -1, 0, False)
    assert owners(trace, "sin") == [trace.calls[0]]


def test_an_operation_belongs_to_the_deepest_module_that_runs(capture: Any) -> None:
    trace = capture(Net(lambda n, x: n.f(x).sin()), batch()).trace
    assert [c.path for c in owners(trace, "addmm")] == ["f.map"]
    assert [c.path for c in owners(trace, "tanh")] == ["f"]
    assert [c.path for c in owners(trace, "sin")] == [""]


def test_a_call_knows_the_call_that_it_was_made_from(capture: Any) -> None:
    trace = capture(Net(lambda n, x: n.f(x)), batch()).trace
    (inner,) = owners(trace, "addmm")
    assert trace.calls[inner.parent].path == "f"
    assert trace.calls[trace.calls[inner.parent].parent].path == ""


def test_the_calls_of_one_module_are_numbered(capture: Any) -> None:
    trace = capture(Net(lambda n, x: n.f(n.g(n.f(n.f(x))))), batch()).trace
    called = [(c.path, c.turn) for c in owners(trace, "tanh")]
    assert called == [("f", 0), ("f", 1), ("g", 0), ("f", 2)]


def test_a_module_under_two_names_goes_by_the_first(capture: Any) -> None:
    model = Net(lambda n, x: n.g(n.f(x)))
    model.g = model.f
    called = [(c.path, c.turn) for c in owners(capture(model, batch()).trace, "tanh")]
    assert called == [("f", 0), ("f", 1)]


def test_a_module_that_the_model_does_not_hold_goes_by_the_one_that_calls_it(capture: Any) -> None:
    stranger = Layer()
    trace = capture(Net(lambda n, x: stranger(x)), batch()).trace
    assert [(c.path, c.cls) for c in owners(trace, "addmm")] == [("", "Linear")]


def test_a_model_that_calls_itself_is_a_call_of_its_own(capture: Any) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net(x[1:]) if len(x) > 1 else x.sin()

    trace = capture(Net(forward), batch(3)).trace
    (call,) = owners(trace, "sin")
    assert (call.path, call.turn) == ("", 1)


@pytest.mark.parametrize("cls", [nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell])
def test_the_inside_of_a_recurrent_module_is_marked(capture: Any, cls: Any) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.cell = Layer(), cls(WIDTH, WIDTH)

        def forward(self, x: Tensor) -> Tensor:
            state = self.cell(self.before(x))
            return state[0] if isinstance(state, tuple) else state

    trace = capture(Recurrent(), batch()).trace
    marked = {trace.calls[op.call].path for op in trace.ops if trace.calls[op.call].is_recurrent}
    assert marked == {"cell"}


def test_a_module_inside_a_recurrent_module_is_marked_too(capture: Any) -> None:
    class Projected(nn.LSTM):
        def __init__(self) -> None:
            super().__init__(WIDTH, WIDTH)
            self.projection = Layer()

        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return self.projection(super().forward(x)[0])

    trace = capture(nn.Sequential(Projected()), batch()).trace
    assert [(c.path, c.is_recurrent) for c in owners(trace, "tanh")] == [("0.projection", True)]


def test_after_an_exception_that_the_model_catches_the_owner_is_right_again(capture: Any) -> None:
    def fail(net: Any, x: Tensor) -> Tensor:
        x.cos()
        raise ValueError("planned")

    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Net(fail), Layer()

        def forward(self, x: Tensor) -> Tensor:
            try:
                x = self.first(x)
            except ValueError:
                x = x.sin()
            return self.second(x)

    trace = capture(Tries(), batch()).trace
    assert [c.path for c in owners(trace, "sin")] == [""]
    assert [c.path for c in owners(trace, "tanh")] == ["second"]


def test_the_part_that_a_checkpoint_runs_has_its_owners(capture: Any) -> None:
    from torch.utils.checkpoint import checkpoint

    model = Net(lambda n, x: checkpoint(n.f, x, use_reentrant=False))
    assert [c.path for c in owners(capture(model, batch()).trace, "tanh")] == ["f"]


def test_hooks_of_the_user_run_in_the_module_that_they_hang_on_or_its_caller(capture: Any) -> None:
    model = Net(lambda n, x: n.f(x))
    model.f.register_forward_hook(lambda module, args, output: output.sin())
    (call,) = owners(capture(model, batch()).trace, "sin")
    assert call.path in ("f", "")


def _steps(op: Op, trace: Trace) -> str:
    return trace.calls[op.call].path


def test_blocks_in_a_list_keep_their_positions(capture: Any) -> None:
    recording: Recording = capture(nn.Sequential(*[Layer() for _ in range(3)]), batch())
    trace = recording.trace
    assert [c.path for c in owners(trace, "tanh")] == ["0", "1", "2"]
    assert {_steps(op, trace) for op in trace.ops if op.name == "addmm"} == {
        "0.map",
        "1.map",
        "2.map",
    }


def test_paths_go_through_wrappers_that_hold_the_module(capture: Any) -> None:
    model = nn.Sequential(
        nn.ModuleDict({"a": Layer()})["a"],
        nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)),
    )
    trace = capture(model, torch.randn(4, WIDTH)).trace
    assert [c.path for c in owners(trace, "addmm")] == ["0.map", "1"]
