"""One recorded run: inputs made ready, outputs found, errors named, whatever the model does."""

from __future__ import annotations

import re
from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import plusone
from capture.fingerprint import differences, fingerprint
from capture.recorded import WIDTH, Layer, Net, batch, kinds, names, recording_of, trace_of
from plusone.capture.eager import batch_size, record
from plusone.capture.sandbox import sandbox
from plusone.errors import CaptureError
from plusone.probe.signal import SignalObserver

Pair = namedtuple("Pair", "a b")


class Keyed(UserDict[str, Any]):
    """What tokenizers and graph libraries return: a thing with keys."""


@dataclass
class Record:
    a: Tensor
    rest: list[Tensor] = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    a: Tensor


X = torch.linspace(-1, 1, 4 * WIDTH).reshape(4, WIDTH)

INPUTS: dict[str, Any] = {
    "a tensor": (lambda n, x: x + n.f(x), X),
    "a list": (lambda n, x: x[0] + n.f(x[0]), [X, 1]),
    "a tuple": (lambda n, x: x[1] + n.f(x[1]), (None, X)),
    "a dictionary": (lambda n, x: x["a"]["b"] + n.f(x["a"]["b"]), {"a": {"b": X}}),
    "a named tuple": (lambda n, x: x.a + n.f(x.a), Pair(X, "b")),
    "a thing with keys": (lambda n, x: x["a"] + n.f(x["a"]), Keyed(a=X, b=2)),
    "a record": (lambda n, x: x.a + n.f(x.a), Record(X)),
    "a name space": (lambda n, x: x.a + n.f(x.a), SimpleNamespace(a=X)),
}


@pytest.mark.parametrize("case", INPUTS.values(), ids=INPUTS)
def test_tensors_are_found_in_inputs_of_every_form(case: Any) -> None:
    forward, given = case
    recording = recording_of(Net(forward), given)
    assert kinds(recording.trace) == ["identity"]
    assert len(recording.trace.inputs) == len(recording.leaves) == len(recording.input_edges) == 1


def test_keyword_arguments_are_inputs() -> None:
    class Both(Net):
        def forward(self, x: Tensor, *, y: Tensor) -> Tensor:  # type: ignore[override]
            return x + self.f(y)

    trace = recording_of(Both(lambda n, x: x), X, y=X).trace
    assert trace.inputs == (0, 1)


def test_whole_numbers_are_inputs_without_a_gradient() -> None:
    recording = recording_of(nn.Embedding(9, 2), torch.tensor([[1, 2]]))
    assert recording.trace.inputs == (0,)
    assert recording.trace.ops[0].is_float == (False,)
    assert recording.leaves == ()


@pytest.mark.parametrize("change", [Tensor.relu_, Tensor.zero_, lambda x: x.data.fill_(3.0)])
def test_the_users_input_is_not_written_into(change: Any) -> None:
    x = X.clone()
    recording_of(Net(lambda n, y: (change(y), n.f(y))[1]), x)
    assert torch.equal(x, X)
    assert not x.requires_grad


def test_a_model_that_writes_into_its_input_has_gradients_at_it_all_the_same() -> None:
    recording = recording_of(Net(lambda n, x: n.f(x.mul_(2.0))), X)
    (gradient,) = torch.autograd.grad(recording.outputs[0].sum(), recording.leaves)
    assert gradient.abs().sum() > 0


def test_the_users_whole_numbers_are_not_written_into() -> None:
    numbers = torch.tensor([[1, 2]])
    recording_of(nn.Sequential(Net(lambda n, i: i.add_(1)), nn.Embedding(9, 2)), numbers)
    assert numbers.tolist() == [[1, 2]]


def test_a_scan_does_not_write_into_the_users_input() -> None:
    x = X.clone()
    plusone.scan(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(WIDTH, 2)), x)
    assert torch.equal(x, X)


def test_the_container_of_the_inputs_is_not_changed() -> None:
    given = {"a": X, "b": [X]}
    recording_of(Net(lambda n, x: (x["b"].clear(), n.f(x.pop("a")))[1]), given)
    assert given == {"a": X, "b": [X]}


def test_a_graph_that_the_users_input_hangs_on_is_left_alone() -> None:
    w = torch.ones(1, requires_grad=True)
    x = X * w
    recording_of(Net(lambda n, y: n.f(y)), x)
    x.sum().backward()
    assert w.grad is not None


def test_a_model_that_refuses_inputs_with_gradients_runs_with_plain_ones() -> None:
    calls: list[int] = []

    def forward(net: Any, x: Tensor) -> Tensor:
        calls.append(net.count.item())
        net.count += 1
        return net.f(x) * float(x.numpy().sum())

    model = Net(forward)
    model.register_buffer("count", torch.zeros((), dtype=torch.long))
    recording = recording_of(model, X)
    assert recording.leaves == ()
    assert recording.outputs[0].requires_grad
    assert calls == [0, 0]  # the second attempt starts where the first did


def test_what_an_observer_saw_of_a_failed_attempt_is_forgotten() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        for _ in range(3 if x.requires_grad else 1):
            x = x + net.f(x)
        return x * float(x.numpy().sum()) if x.requires_grad else x

    observer = SignalObserver(4)
    model = Net(forward).requires_grad_(False)
    with sandbox(model) as box:
        trace = record(model, (X,), {}, box=box, observe=observer).trace
    assert max(observer.results) < len(trace.ops)


def _refuses_modes(net: Any, x: Tensor) -> Tensor:
    if torch._C._len_torch_dispatch_stack():
        raise NotImplementedError("not under a dispatch mode")
    return x + net.f(x)


def test_a_model_that_does_not_run_under_a_dispatch_mode_is_read_off_autograds_graph() -> None:
    recording = recording_of(Net(_refuses_modes), X)
    assert recording.is_walked
    assert kinds(recording.trace) == ["identity"]


def test_a_scan_of_such_a_model_says_what_is_missing() -> None:
    report = plusone.scan(Net(_refuses_modes), X)
    assert [gap.why for gap in report.data.not_measured if "signal" in gap.what] == [
        "the model does not run under a dispatch mode; its graph was read off autograd's"
    ]
    assert [skip.kind for skip in report.data.structure.skips] == ["identity"]


def test_the_first_failure_is_told_where_the_plain_forward_fails_too() -> None:
    attempts: list[int] = []

    def forward(net: Any, x: Tensor) -> Tensor:
        attempts.append(1)
        raise ValueError(f"attempt {len(attempts)}")

    with pytest.raises(CaptureError, match="attempt 1"):
        recording_of(Net(forward), X)
    assert len(attempts) == 2


def test_outputs_of_every_form_are_found() -> None:
    forms: dict[str, Any] = {
        "tensor": lambda y: y,
        "tuple": lambda y: (y, 3),
        "list in dictionary": lambda y: {"a": [y], "n": None},
        "named tuple": lambda y: Pair(y, 1),
        "record": Record,
    }
    for form in forms.values():
        recording = recording_of(Net(lambda n, x, form=form: form(n.f(x))), X)
        assert len(recording.outputs) == len(recording.trace.outputs) == 1


@pytest.mark.parametrize(
    "form", [Slotted, lambda y: Record(y, [y])], ids=["slots", "a list in a record"]
)
def test_outputs_are_found_everywhere_in_a_record(form: Any) -> None:
    recording = recording_of(Net(lambda n, x: form(n.f(x))), X)
    form_has = 1 if form is Slotted else 2
    assert len(recording.outputs) == form_has


def test_outputs_keep_their_order_and_those_without_gradients_stay_out() -> None:
    recording = recording_of(Net(lambda n, x: (x.argmax(1), n.f(x), x.sin())), X)
    made = [recording.trace.ops[number].name for number, _ in recording.trace.outputs]
    assert made == ["tanh", "sin"]


def test_logits_are_the_output_of_a_model_that_returns_more() -> None:
    def forward(net: Any, x: Tensor) -> Any:
        h = net.f(x)
        y = net.g(h)
        return OrderedDict(loss=y.sum(), last_hidden_state=h, logits=y, hidden_states=[h])

    recording = recording_of(Net(forward), X)
    (output,) = recording.outputs
    assert output is recording.result["logits"]  # type: ignore[index]
    assert recording.loss is not None
    assert recording.loss.dim() == 0


def test_a_dictionary_without_a_known_entry_gives_all_but_the_loss() -> None:
    forward = lambda n, x: {"a": n.f(x), "b": n.g(x), "loss": x.sum()}  # noqa: E731
    recording = recording_of(Net(forward), X)
    assert len(recording.outputs) == 2


@pytest.mark.parametrize("returned", [None, 3, "text", [], {}], ids=str)
def test_a_model_that_returns_no_tensor_has_a_trace_without_outputs(returned: object) -> None:
    recording = recording_of(Net(lambda n, x: (n.f(x), returned)[1]), X)
    assert recording.result is returned or recording.result == returned
    assert recording.trace.outputs == recording.outputs == ()
    assert "tanh" in names(recording.trace)


REASONS = {
    "nothing": (lambda n, x: None, r"the model returned None: return its output from forward"),
    "a number": (lambda n, x: 3, r"the model returned no tensor \(a int\)"),
    "whole numbers": (lambda n, x: n.f(x).argmax(1), r"no output has a gradient \(dtypes: int64\)"),
    "what is detached": (lambda n, x: n.f(x).detach(), r"no output has a gradient .*detached"),
}


@pytest.mark.parametrize("case", REASONS.values(), ids=REASONS)
def test_a_scan_says_why_an_output_has_no_gradient(case: Any) -> None:
    forward, why = case
    (gap, *_) = plusone.scan(Net(forward), X).data.not_measured
    assert gap.what == "gradient and Jacobian spectra"
    assert re.search(why, gap.why)


def test_the_batch_is_the_leading_dimension_that_all_inputs_share() -> None:
    assert batch_size((X, {"mask": X[:, 0]}), {}) == 4
    assert batch_size((X,), {"y": X[:2]}) is None
    assert batch_size((torch.tensor(1.0),), {}) is None
    assert batch_size((), {}) is None


def _raising(message: str = "planned") -> Net:
    def forward(net: Any, x: Tensor) -> Tensor:
        raise ValueError(message)

    return Net(forward)


def test_an_exception_is_named_with_its_module_and_line() -> None:
    model = nn.Sequential(Layer(), _raising(), Layer())
    with pytest.raises(
        CaptureError,
        match=r"^the forward raised ValueError in module '1' \(Net\) \(test_eager.py, line \d+\): "
        r"planned\. "
        r"Check that the inputs fit the model\.$",
    ):
        recording_of(model, X)


def test_the_deepest_module_that_raised_is_named() -> None:
    model = nn.Sequential(Layer(), nn.Sequential(nn.Sequential(_raising())))
    with pytest.raises(CaptureError, match=r"in module '1\.0\.0' \(Net\)"):
        recording_of(model, X)


def test_the_model_itself_is_named_where_no_module_raised() -> None:
    with pytest.raises(CaptureError, match=r"in the model's own forward \(test_eager"):
        recording_of(_raising(), X)


def test_the_cause_is_kept() -> None:
    with pytest.raises(CaptureError, match="planned") as caught:
        recording_of(_raising(), X)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_long_message_is_shortened_and_an_empty_one_is_called_so() -> None:
    with pytest.raises(CaptureError, match=r": (word ){59}word…. Check"):
        recording_of(_raising("word\n" * 200), X)
    with pytest.raises(CaptureError, match=r"line \d+\): no message\."):
        recording_of(_raising(""), X)


def test_a_shape_that_does_not_fit_is_named_with_the_layer() -> None:
    with pytest.raises(CaptureError, match=r"RuntimeError in module '0' \(Linear\).*shapes"):
        recording_of(nn.Sequential(nn.Linear(3, 3)), X)


def test_the_right_module_is_named_while_another_exception_is_handled() -> None:
    try:
        raise KeyError
    except KeyError:
        with pytest.raises(CaptureError, match=r"in module '1' \(Net\)"):
            recording_of(nn.Sequential(Layer(), _raising()), X)


def test_the_right_module_is_named_after_the_model_caught_another_exception() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = _raising("caught"), _raising("final")

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.first(x)
            except ValueError:
                return self.second(x)

    with pytest.raises(CaptureError, match=r"in module 'second' .*final"):
        recording_of(Tries(), X)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_no_fault_of_the_model_is_told_apart(error: type[BaseException]) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        raise error("planned")

    expected = CaptureError if issubclass(error, Exception) else error
    with pytest.raises(expected, match="planned"):
        recording_of(Net(forward), X)


class Grows(nn.Module):
    """A model that makes a layer when it first needs one, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.layers = 0, nn.ModuleList()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if len(self.layers) < 2:
            self.layers.append(nn.Linear(WIDTH, WIDTH))
        for layer in self.layers:
            x = x + layer(x).tanh()
        return x


def test_a_model_that_changes_itself_is_recorded_and_put_back() -> None:
    model = Grows()
    before = fingerprint(model)
    assert kinds(recording_of(model, X).trace) == ["identity"]
    assert differences(before, fingerprint(model)) == []


def test_a_model_without_parameters_is_recorded() -> None:
    model = nn.Sequential(nn.Tanh(), nn.Softmax(1))
    trace = recording_of(model, X).trace
    assert trace.parameters == ()
    assert trace.num_parameters == 0
    assert [n for n in names(trace) if n != "detach"] == ["tanh", "_softmax"]


def test_an_input_that_comes_out_again_is_an_output() -> None:
    trace = trace_of(lambda n, x: x, X)
    assert trace.outputs == ((0, 0),)


def test_a_compiled_part_is_refused_before_anything_runs() -> None:
    model = nn.Sequential(Layer(), torch.compile(Layer()))  # type: ignore[arg-type]
    with pytest.raises(plusone.TargetError, match="module '1' of the model is compiled"):
        plusone.scan(model, batch())


def test_a_model_on_the_meta_device_is_recorded_without_memory() -> None:
    model = Net(lambda n, x: x + n.f(x)).to("meta")
    recording = recording_of(model, X.to("meta"))
    assert kinds(recording.trace) == ["identity"]
    assert recording.outputs[0].is_meta


class _NoModes(nn.Module):
    """Refuses to run under a dispatch mode."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(lambda n, x: x + n.f(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch._C._len_torch_dispatch_stack():
            raise RuntimeError("no modes, please")
        return self.net(x)


def test_a_model_that_refuses_dispatch_modes_is_read_off_the_graph_of_autograd() -> None:
    report = plusone.scan(_NoModes(), X)
    assert [skip.kind for skip in report.data.structure.skips] == ["identity"]
    assert report.data.blocks[0].gradient_rms.is_finite
    assert not report.data.blocks[0].signal_rms.is_measured
    assert "autograd" in report.data.not_measured[0].why
