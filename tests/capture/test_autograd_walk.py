"""The walk through autograd's graph: an independent capture that agrees with the recorder."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from capture.fingerprint import differences, fingerprint
from capture.recorded import WIDTH, Layer, Net, batch, kinds, names, recording_of, skips, walked
from plusone.capture.autograd_walk import walk
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Trace
from plusone.graph.skipgraph import find_skips
from plusone.probe.edges import EdgeFinder

X = torch.linspace(-1, 1, 4 * WIDTH).reshape(4, WIDTH)
PICTURE = torch.linspace(-1, 1, 2 * 4 * 8 * 8).reshape(2, 4, 8, 8)


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.conv(x)).relu_()


class Plain(nn.Module):
    """A model around one function without parameters."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


MODELS: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {
    "chain": (nn.Sequential(*[Layer() for _ in range(4)]), (X,)),
    "convolutions": (nn.Sequential(Conv(), nn.MaxPool2d(2), Conv(), nn.AvgPool2d(2)), (PICTURE,)),
    "transformer encoder": (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=True),
            2,
            enable_nested_tensor=False,
        ),
        (X[None],),
    ),
    "transformer": (
        nn.Transformer(WIDTH, 2, 2, 2, 16, dropout=0.0, batch_first=True),
        (X[None], X[None, :2]),
    ),
    "pre-norm encoder": (
        nn.TransformerEncoderLayer(WIDTH, 2, 16, 0.0, batch_first=True, norm_first=True),
        (X[None],),
    ),
    "attention": (nn.MultiheadAttention(WIDTH, 2, batch_first=True), (X[None], X[None], X[None])),
    "LSTM": (nn.Sequential(Layer(), nn.LSTM(WIDTH, WIDTH, 2)), (X[None],)),
    "GRU": (nn.Sequential(Layer(), nn.GRU(WIDTH, WIDTH, bidirectional=True)), (X[None],)),
    "bilinear": (nn.Bilinear(WIDTH, WIDTH, 3), (X, X)),
    "embedding": (nn.Sequential(nn.Embedding(9, WIDTH), Layer()), (torch.tensor([[1, 2]]),)),
    "bag": (nn.Sequential(nn.EmbeddingBag(9, WIDTH), Layer()), (torch.tensor([[1, 2]]),)),
    "norms": (
        nn.Sequential(nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.LayerNorm(8), nn.RMSNorm(8)),
        (PICTURE,),
    ),
    "weight norm": (nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, 3)), (X,)),
    "spectral norm": (nn.utils.parametrizations.spectral_norm(nn.Linear(WIDTH, 3)), (X,)),
}


@pytest.mark.parametrize(("model", "inputs"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("training", [True, False])
def test_recorder_and_walk_find_the_same_skips_and_blocks(
    model: nn.Module, inputs: tuple[Any, ...], training: bool
) -> None:
    model.train(training)
    recorded, graph = recording_of(model, *inputs).trace, walked(model, *inputs).trace
    assert skips(recorded) == skips(graph)
    assert _blocks(recorded) == _blocks(graph)


def _blocks(trace: Trace) -> list[tuple[object, ...]]:
    return [
        (b.name, b.module, b.kind, b.skip, b.layers, b.depth, b.level, b.shape, b.input_shape)
        for b in find_skips(trace).blocks
    ]


@pytest.mark.parametrize(("model", "inputs"), MODELS.values(), ids=MODELS)
def test_the_walk_knows_no_operation_that_the_recorder_does_not(
    model: nn.Module, inputs: tuple[Any, ...]
) -> None:
    recorded = {name.rstrip("_") for name in names(recording_of(model, *inputs).trace)}
    # A view that reshape makes is numbered by autograd, and is a plain view below it.
    assert {*names(walked(model, *inputs).trace)} <= recorded | {"_reshape_alias"}


NAMES = {
    "_softmax": lambda x: x.softmax(1),
    "_log_softmax": lambda x: x.log_softmax(1),
    "_unsafe_view": lambda x: x[None].expand(2, 4, 8) @ x.t(),
    "_to_copy": lambda x: x.double(),
    "_fft_r2c": torch.fft.rfft,
    "addmm": lambda x: torch.addmm(x, x, x.t() @ x),
    "native_layer_norm": lambda x: F.layer_norm(x, (8,)),
    "_adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x[None], (2, 2)),
    "max_pool2d_with_indices": lambda x: F.max_pool2d(x[None], 2),
    "upsample_nearest2d": lambda x: F.interpolate(x[None, None], scale_factor=2),
    "grid_sampler_2d": lambda x: F.grid_sample(
        x[None, None], x[None, :, :2, None].expand(1, 4, 2, 2), align_corners=False
    ),
    "convolution": lambda x: F.conv1d(x[None], x[:, :4, None]),
    "_scaled_dot_product_flash_attention_for_cpu": lambda x: F.scaled_dot_product_attention(
        x[None, None], x[None, None], x[None, None]
    ),
    "constant_pad_nd": lambda x: F.pad(x, (1, 1)),
    "copy": lambda x: torch.zeros(4, 8).copy_(x),
    "split_with_sizes": lambda x: x.split([3, 5], 1)[0],
    "view_as_complex": lambda x: torch.view_as_complex(x.view(4, 4, 2)),
    "mul": lambda x: x.clone().mul_(2.0),
    "rsub": lambda x: 1 - x,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_node_of_autograd_has_the_name_of_its_operation(name: str) -> None:
    found = names(walked(Plain(NAMES[name]), X).trace)
    assert name in found
    assert not [other for other in found if other[0].isupper()]


class _Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 2, x.sin()

    @staticmethod
    def backward(ctx: Any, g: Tensor, h: Tensor) -> Tensor:
        return 2 * g + h


def test_a_users_function_is_one_operation_under_its_own_name() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        double, sine = _Twice.apply(x)
        return net.f(double) - sine

    trace = walked(Net(forward), X).trace
    number = names(trace).index("_TwiceBackward") + 1
    assert trace.ops[number].shapes == ((4, WIDTH), (4, WIDTH))
    assert trace.ops[-1].parents[1] == (number, 1)


FACTORS = {
    "add": lambda n, x: torch.add(n.f(x), x, alpha=0.5),
    "sub": lambda n, x: torch.sub(n.f(x), x, alpha=0.5),
    "subtracted": lambda n, x: n.f(x) - x,
    "addmm": lambda n, x: torch.addmm(x, n.f(x), n.g.map.weight, beta=0.5),
    "baddbmm": lambda n, x: torch.baddbmm(x[None], n.f(x)[None], n.g.map.weight[None], beta=2),
    "lerp": lambda n, x: torch.lerp(x, n.f(x), 0.25),
    "lerp by a tensor": lambda n, x: torch.lerp(x, n.f(x), n.g(x)),
    "plain": lambda n, x: n.f(x) + x,
    "cat": lambda n, x: torch.cat([x, n.f(x)], 1),
    "cat from the end": lambda n, x: torch.cat([x, n.f(x)], -2),
    "stack": lambda n, x: torch.stack([x, n.f(x)], -1),
}


@pytest.mark.parametrize("forward", FACTORS.values(), ids=FACTORS)
def test_factors_and_axes_are_those_of_the_recorder(forward: Any) -> None:
    model = Net(forward)
    mine, theirs = walked(model, X).trace.ops[-1], recording_of(model, X).trace.ops[-1]
    assert mine.name == theirs.name
    assert mine.factors == pytest.approx(theirs.factors)
    assert mine.axis == theirs.axis


def test_every_operation_stands_after_all_that_it_reads() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        base = x.clone()
        views = [base.view(-1), base[1:], base.t()]
        base.mul_(2.0)
        return views[0].view(4, WIDTH) + net.f(views[2].t()) + views[1].sum()

    trace = walked(Net(forward), X).trace
    assert all(parent < i for i, op in enumerate(trace.ops) for parent, _ in op.parents)


def test_of_a_tensor_that_is_written_over_nothing_is_read() -> None:
    trace = walked(Net(lambda n, x: x.sin().copy_(n.f(x)).cos()), X).trace
    copy = next(op for op in trace.ops if op.name == "copy")
    assert [trace.ops[number].name for number, _ in copy.parents] == ["tanh"]


WRITES: dict[str, tuple[Any, str, bool]] = {
    "a sum": (lambda y, z: y[1:].add_(z[1:]), "add_", True),
    "a difference": (lambda y, z: y[1:].sub_(z[1:]), "sub_", True),
    "a copy": (lambda y, z: y[1:].copy_(z[1:]), "copy_", True),
    "a product": (lambda y, z: y[1:].mul_(z[1:]), "copy_", True),
    "a sum with all": (lambda y, z: y.view(-1).add_(z.view(-1)), "add_", False),
    "a factor of all": (lambda y, z: y.view(-1).mul_(3.0), "mul_", False),
    "a factor of a part": (lambda y, z: y[1:].mul_(3.0), "write_", True),
}


@pytest.mark.parametrize(("write", "name", "is_partial"), WRITES.values(), ids=WRITES)
def test_a_write_through_a_view_is_told_by_its_gradient(
    write: Any, name: str, is_partial: bool
) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y, z = x.sin(), net.f(x)
        write(y, z)
        return y + z

    trace = walked(Net(forward), X).trace
    (op,) = [op for op in trace.ops if op.writes]
    assert (op.name, op.partial) == (name, is_partial)


def test_the_former_value_is_the_last_that_a_write_into_a_part_reads() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y = x.sin()
        y[1:] = x.cos()[1:]
        return y

    trace = walked(Net(forward), X).trace
    write = next(op for op in trace.ops if op.writes)
    assert [trace.ops[number].name for number, _ in write.parents] == ["slice", "sin"]


def test_a_module_that_a_hook_kept_from_running_owns_nothing() -> None:
    def fail(module: nn.Module, args: object) -> None:
        if isinstance(module, Layer):
            raise ValueError("planned")

    def forward(net: Any, x: Tensor) -> Tensor:
        with pytest.raises(ValueError, match="planned"):
            net.f(x)
        return x.sin()

    handle = nn.modules.module.register_module_forward_pre_hook(fail)
    try:
        trace = walked(nn.Sequential(Net(forward)), X).trace
    finally:
        handle.remove()
    (op,) = [op for op in trace.ops if op.name == "sin"]
    assert trace.calls[op.call].path == "0"


def test_autograd_shows_the_place_of_every_value() -> None:
    recording = walked(Net(lambda n, x: x + n.g(n.f(x))), X)
    finder = EdgeFinder(recording, recording.outputs)
    for number, op in enumerate(recording.trace.ops):
        edge = finder.edge((number, 0))
        assert edge is not None
        assert tuple(edge.node._input_metadata[edge.output_nr].shape) == op.shapes[0]


def test_gradients_run_from_the_outputs_to_the_leaves() -> None:
    model = Net(lambda n, x: x + n.f(x))
    gradients = []
    for capture in (walked, recording_of):
        recording = capture(model, X)
        gradients.append(torch.autograd.grad(recording.outputs[0].sum(), recording.leaves)[0])
    assert torch.equal(*gradients)


def test_frozen_parameters_are_seen_and_stay_frozen() -> None:
    model = Net(lambda n, x: x + n.f(x)).requires_grad_(False)
    before = fingerprint(model)
    trace = walk(model, (X,), {}).trace
    assert kinds(trace) == ["identity"]
    assert {trace.parameters[p] for op in trace.ops for p in op.params} == {
        "f.map.weight",
        "f.map.bias",
    }
    assert differences(before, fingerprint(model)) == []


def test_frozen_parameters_stay_frozen_when_the_forward_raises() -> None:
    model = nn.Sequential(nn.Linear(3, 3)).requires_grad_(False)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        walk(model, (X,), {})
    assert not any(p.requires_grad for p in model.parameters())


LOOKUPS = {
    "as they are": lambda n, i: n.table(i),
    "through a view": lambda n, i: n.table(i.view(-1, 3)),
    "in part": lambda n, i: n.table(i[:, 1:]),
    "after counting": lambda n, i: n.table(i + 1),
}


@pytest.mark.parametrize("look_up", LOOKUPS.values(), ids=LOOKUPS)
def test_an_embedding_reads_the_input_that_it_was_looked_up_with(look_up: Any) -> None:
    class Looks(Net):
        def __init__(self) -> None:
            super().__init__(lambda n, i: n.f(look_up(n, i)))
            self.table = nn.Embedding(9, WIDTH)

    trace = walked(Looks(), torch.tensor([[1, 2, 3], [4, 5, 6]])).trace
    op = next(op for op in trace.ops if op.name == "embedding")
    assert op.parents == ((0, 0),)
    assert op.params == (trace.parameters.index("table.weight"),)


def test_an_embedding_of_positions_reads_no_input() -> None:
    class Positions(Net):
        def __init__(self) -> None:
            super().__init__(lambda n, i: n.f(n.table(i) + n.places(torch.arange(i.shape[1]))))
            self.table, self.places = nn.Embedding(9, WIDTH), nn.Embedding(9, WIDTH)

    trace = walked(Positions(), torch.tensor([[1, 2, 3], [4, 5, 6]])).trace
    assert [op.parents for op in trace.ops if op.name == "embedding"] == [((0, 0),), ()]


def test_an_input_that_the_model_itself_lets_take_gradients_is_seen() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        x = x[:, :]
        x.requires_grad = True
        return x + net.f(x)

    trace = walked(Net(forward), X).trace
    assert kinds(trace) == ["identity"]


def test_what_the_model_returns_by_name_is_the_loss() -> None:
    recording = walked(Net(lambda n, x: {"loss": n.f(x).sum(), "logits": n.f(x)}), X)
    assert recording.loss is not None
    assert len(recording.outputs) == 1


@pytest.mark.parametrize("returned", [None, 3, torch.arange(3), X], ids=["None", "3", "ints", "x"])
def test_a_result_without_gradients_gives_a_trace_without_outputs(returned: object) -> None:
    recording = walked(Net(lambda n, x: (n.f(x), returned)[1]), X)
    assert recording.trace.outputs == ()
    assert [op.name for op in recording.trace.ops] == ["input"]


def test_what_a_forward_writes_is_put_back_though_nothing_announces_it() -> None:
    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(200, 200))

        def forward(self, x: Tensor) -> Tensor:
            self.weight.data.mul_(0.5)
            return x @ self.weight

    model = Writes()
    before = fingerprint(model)
    with sandbox(model) as box:
        walk(model, (torch.ones(4, 200),), {}, box=box)
    assert differences(before, fingerprint(model)) == []


def test_no_dispatch_mode_is_needed() -> None:
    class Refuses(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            raise AssertionError("below autograd")

    model = Net(lambda n, x: x + n.f(x))
    depth = torch._C._len_torch_dispatch_stack()
    seen: list[int] = []
    model.f.register_forward_hook(lambda *_: seen.append(torch._C._len_torch_dispatch_stack()))
    walked(model, batch())
    assert seen == [depth]
