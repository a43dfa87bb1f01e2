"""The recorder: values by their place in memory, writes as new values, owners by module calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from capture.recorded import WIDTH, Layer, Net, batch, kinds, names, recording_of, trace_of
from plusone.capture.eager import record
from plusone.capture.recorder import Recorder
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Op, Trace, ValueRef
from plusone.errors import CaptureError


def the(trace: Trace, name: str, turn: int = 0) -> Op:
    """The operation of this name, counted from 0."""
    return [op for op in trace.ops if op.name == name][turn]


def made_by(trace: Trace, op: Op) -> list[str]:
    """The names of the operations that made what `op` reads."""
    return [trace.ops[number].name for number, _ in op.parents]


def test_an_operation_knows_what_it_reads_in_the_order_of_its_arguments() -> None:
    trace = trace_of(lambda n, x: x.sin() - x.cos())
    assert made_by(trace, the(trace, "sub")) == ["sin", "cos"]


def test_an_operand_that_is_read_twice_stands_there_twice() -> None:
    trace = trace_of(lambda n, x: x.sin() * x.sin().neg() + x)
    assert len(the(trace, "mul").parents) == 2


def test_a_list_of_operands_is_read_in_order() -> None:
    trace = trace_of(lambda n, x: torch.cat([x.cos(), x.sin(), x.cos()], 1))
    assert made_by(trace, the(trace, "cat")) == ["cos", "sin", "cos"]


def test_the_parts_of_a_split_are_told_apart() -> None:
    trace = trace_of(lambda n, x: x.chunk(4, 1)[2] * x.sin().unbind(1)[5][:, None])
    split = trace.ops.index(the(trace, "split"))
    assert the(trace, "mul").parents[0] == (split, 2)
    unbind = trace.ops.index(the(trace, "unbind"))
    assert the(trace, "unsqueeze").parents == ((unbind, 5),)


def test_shapes_and_kinds_of_all_outputs_are_noted() -> None:
    op = the(trace_of(lambda n, x: x.topk(3).values), "topk")
    assert op.shapes == ((4, 3), (4, 3))
    assert op.is_float == (True, False)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float64, torch.bfloat16])
def test_every_kind_of_number_that_carries_a_gradient_is_float(dtype: torch.dtype) -> None:
    assert the(trace_of(lambda n, x: x.to(dtype) * 2), "mul").is_float == (True,)


def test_a_weight_is_a_parameter_also_through_a_view() -> None:
    trace = trace_of(lambda n, x: n.f(x))
    read = {trace.parameters[p] for p in the(trace, "addmm").params}
    assert read == {"f.map.weight", "f.map.bias"}


def test_tied_weights_are_one_parameter() -> None:
    model = Net(lambda n, x: n.g(n.f(x)))
    model.g.map.weight = model.f.map.weight
    trace = recording_of(model, batch()).trace
    first, second = (set(the(trace, "addmm", i).params) for i in range(2))
    assert trace.parameters.count("f.map.weight") == 1
    assert "g.map.weight" not in trace.parameters
    assert len(first & second) == 1


def test_a_weight_that_was_computed_is_what_the_layer_reads() -> None:
    trace = trace_of(lambda n, x: x @ (n.f.map.weight * 0.5))
    product = the(trace, "mul")
    assert product.params == (trace.parameters.index("f.map.weight"),)
    assert trace.ops.index(product) in [number for number, _ in the(trace, "mm").parents]


def test_a_write_makes_a_new_value_that_later_operations_read() -> None:
    trace = trace_of(lambda n, x: x.clone().relu_().sin())
    assert the(trace, "relu_").writes
    assert made_by(trace, the(trace, "sin")) == ["relu_"]


def test_a_write_through_a_view_changes_what_its_base_holds() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y = x.clone()
        y.view(-1).mul_(2.0)
        return y.sin()

    trace = trace_of(forward)
    assert made_by(trace, the(trace, "sin")) == ["mul_"]
    assert not the(trace, "mul_").partial


def test_a_write_into_the_base_changes_what_a_view_holds() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y = x.clone()
        view = y[1:]
        y.mul_(2.0)
        return view.sin()

    trace = trace_of(forward)
    assert "mul_" in made_by(trace, the(trace, "sin")) + made_by(trace, the(trace, "slice", -1))


def test_a_write_into_a_part_reads_the_former_value_last() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y = x.exp()
        y[:, :2] = x.cos()[:, :2]
        return y.sin()

    trace = trace_of(forward)
    write = the(trace, "copy_")
    assert write.partial
    assert made_by(trace, write)[-1] == "exp"
    assert made_by(trace, the(trace, "sin")) == ["copy_"]


def test_a_detached_view_is_the_same_value() -> None:
    trace = trace_of(lambda n, x: x.sin().detach().cos())
    assert made_by(trace, the(trace, "cos")) == ["sin"]


@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_a_view_that_autograd_wraps_again_keeps_its_value() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        base = x.clone()
        view = base.view(-1)
        base.mul_(2.0)
        return view.sin()

    trace = trace_of(forward)
    assert "mul_" in made_by(trace, the(trace, "sin"))


def test_memory_that_is_used_again_is_not_taken_for_what_lay_there_before() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            for _ in range(20):
                net.f(x)  # made, and let go
                x = x.cos() + torch.ones(4, WIDTH)
        return x

    trace = trace_of(forward)
    sums = [op for op in trace.ops if op.name == "add"]
    assert [made_by(trace, op) for op in sums] == [["cos", "ones"]] * 20


def test_what_runs_without_gradients_is_recorded_all_the_same() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            return x.sin() + x.detach().data.cos()

    assert [n for n in names(trace_of(forward)) if n != "detach"] == ["sin", "cos", "add"]


def test_whole_numbers_are_recorded_as_such() -> None:
    trace = trace_of(lambda n, x: x.argmax(1).add(1))
    assert the(trace, "add").is_float == (False,)
    assert made_by(trace, the(trace, "add")) == ["argmax"]


def test_a_sparse_product_reads_its_dense_operand() -> None:
    trace = trace_of(lambda n, x: torch.sparse.mm(torch.eye(4).to_sparse(), x.sin()))
    assert "sin" in made_by(
        trace, the(trace, "_sparse_addmm" if "_sparse_addmm" in names(trace) else "mm")
    )


def test_a_sparse_tensor_is_a_value_of_its_own() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        edges = (x @ x.t()).to_sparse()
        return torch.sparse.mm(edges, x)

    trace = trace_of(forward)
    last = trace.ops[trace.outputs[0][0]]
    assert "_to_sparse" in made_by(trace, last)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_the_inside_of_a_scripted_block_is_recorded() -> None:
    model = nn.Sequential(torch.jit.script(Layer()), Layer())
    trace = recording_of(model, batch()).trace
    assert names(trace).count("tanh") == 2


def test_a_function_that_was_compiled_runs_eagerly() -> None:
    compiled = torch.compile(lambda x: x.sin() + x)
    assert {"sin", "add"} <= set(names(trace_of(lambda n, x: compiled(x))))


def test_the_number_of_an_operation_is_that_of_its_node_in_autograds_graph() -> None:
    recording = recording_of(Net(lambda n, x: n.g(n.f(x)).sum(1)), batch())
    node: Any = recording.outputs[0].grad_fn
    for name in ("sum", "tanh", "addmm"):
        assert the(recording.trace, name, -1).sequence == node._sequence_nr()
        node = next(fn for fn, _ in node.next_functions if "Accumulate" not in fn.name())


def test_a_model_that_is_a_recurrent_module_itself_is_one_step_of_the_graph() -> None:
    assert kinds(recording_of(nn.GRU(WIDTH, WIDTH), torch.randn(3, 2, WIDTH)).trace) == []


class Watcher:
    """An observer that notes what it is shown."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.befores: list[tuple[str, list[ValueRef], list[float]]] = []
        self.afters: list[tuple[int, str, float]] = []

    def before(self, name: str, values: Sequence[ValueRef], operands: Sequence[Tensor]) -> None:
        self.befores.append((name, list(values), [float(t.sum()) for t in operands]))

    def writing(self, tensors: Sequence[Tensor]) -> None:
        self.written = [float(t.sum()) for t in tensors]

    def after(self, number: int, name: str, outputs: Sequence[Tensor]) -> None:
        self.afters.append((number, name, float(outputs[0].sum())))


def test_an_observer_sees_operands_before_and_results_after_each_operation() -> None:
    watcher, model = Watcher(), Net(lambda n, x: x.mul(2.0).add_(x.mul(3.0)))
    with sandbox(model) as box:
        trace = record(model, (torch.ones(1, 2),), {}, box=box, observe=watcher).trace
    add = the(trace, "add_")
    assert watcher.befores == [("add_", list(add.parents), [4.0, 6.0])]
    assert watcher.afters[-1] == (trace.ops.index(add), "add_", 10.0)


def test_what_an_observer_computes_is_not_recorded() -> None:
    model = Net(lambda n, x: x + x.sin())
    with sandbox(model) as box:
        trace = record(model, (batch(),), {}, box=box, observe=Watcher()).trace
    assert names(trace) == ["sin", "add"]


WRITES = {
    "whole": lambda w: w.mul_(0.5),
    "a view": lambda w: w[:2].zero_(),
    "out": lambda w: torch.mul(w, 0.5, out=w),
    "an index": lambda w: w.__setitem__([0, 1], 0.0),
    "data": lambda w: w.data.sub_(1),
    "a list": pytest.param(
        lambda w: torch._foreach_mul_([w], 0.5),
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_write_into_a_parameter_is_announced_before_it_happens(write: Any) -> None:
    model = Layer()
    told: list[float] = []
    recorder = Recorder(model, before_write=lambda t: told.append(float(t.detach().abs().sum())))
    with recorder, torch.no_grad():
        write(model.map.weight)
    assert told
    assert told[0] > 0


def test_a_write_into_a_list_makes_new_values() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        parts = [x.sin(), x.cos()]
        torch._foreach_mul_(parts, 2.0)
        return parts[0].tan()

    trace = trace_of(forward)
    assert made_by(trace, the(trace, "tan")) == ["_foreach_mul_"]


def test_the_factor_of_a_sum_belongs_to_one_operand() -> None:
    assert the(trace_of(lambda n, x: torch.add(x, x, alpha=0.5)), "add").factors == (1.0, 0.5)


def test_on_the_meta_device_a_question_about_a_value_is_answered_with_nothing() -> None:
    answers: list[object] = []

    def forward(net: Any, x: Tensor) -> Tensor:
        answers.extend([bool(x.sum() > 0), x.sum().long().item(), (x > 0).any().item()])
        return net.f(x) if bool((x > 0).all()) else x + net.f(x)

    trace = recording_of(Net(forward).to("meta"), batch().to("meta")).trace
    assert answers == [False, 0, False]
    assert names(trace)[-1] == "add"


def test_on_the_meta_device_a_float_is_answered_with_a_float() -> None:
    answers: list[object] = []
    model = Net(lambda n, x: (answers.append(x.sum().item()), x)[1])
    recording_of(model.to("meta"), batch().to("meta"))
    assert isinstance(answers[0], float)


def test_a_shape_that_depends_on_values_is_refused_on_the_meta_device() -> None:
    with pytest.raises(CaptureError, match="in the model's own forward.*: .*nonzero"):
        recording_of(Net(lambda n, x: x[(x > 0).nonzero()]).to("meta"), batch().to("meta"))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_no_mode_and_no_hook_is_left_when_the_forward_raises(error: type[BaseException]) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        raise error("planned")

    hooks = nn.modules.module._global_forward_hooks
    with pytest.raises((CaptureError, KeyboardInterrupt), match="planned"):
        recording_of(Net(forward), batch())
    assert _get_current_dispatch_mode_stack() == []
    assert _get_current_function_mode_stack() == []
    assert len(hooks) == len(nn.modules.module._global_forward_pre_hooks) == 0


def test_recordings_may_be_nested() -> None:
    inner: list[list[str]] = []

    def forward(net: Any, x: Tensor) -> Tensor:
        inner.append(names(recording_of(Net(lambda n, y: y.sin()), x).trace))
        return x.cos()

    assert names(trace_of(forward))[-1] == "cos"
    assert inner == [["sin"]]
