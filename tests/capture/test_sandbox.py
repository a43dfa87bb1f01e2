"""The sandbox: whatever happens inside, the model and the process come back bit by bit."""

from __future__ import annotations

import contextlib
import random
import time
from collections import OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import plusone
from capture.fingerprint import differences, fingerprint
from capture.interrupt import interrupt, phases
from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.records import ScanConfig


class Slotted:
    __slots__ = ("items", "unset")

    def __init__(self) -> None:
        self.items = [1]


class Recent(OrderedDict[str, int]):
    """A dictionary whose reading changes its order."""

    def __getitem__(self, key: str) -> int:
        self.move_to_end(key)
        return super().__getitem__(key)


class Guarded(dict[str, int]):
    """A dictionary that does not let itself be changed, nor show what it holds."""

    def values(self) -> Any:
        return []

    def clear(self) -> None:
        raise TypeError("guarded")

    def __setitem__(self, key: str, value: int) -> None:
        raise TypeError("guarded")


@dataclass(frozen=True)
class Frozen:
    items: list[int] = field(default_factory=lambda: [1])


class Holder(nn.Module):
    """A model that holds one of each kind of thing."""

    __slots__ = ("slot",)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("spread", torch.ones(1).expand(4))
        self.register_buffer("zero", -torch.zeros(2))
        self.register_buffer("missing", torch.tensor([float("nan")]))
        self.register_buffer("grid", torch.eye(3).to_sparse())
        self.register_buffer("temporary", torch.ones(2), persistent=False)
        self.hidden = [nn.BatchNorm1d(3)]
        self.slot = [1]
        self.count, self.name = 1000, "holder"
        self.nested: dict[str, Any] = {"a": [{"b": 1}], "empty": []}
        self.pair = ([1], {2})
        self.queue = deque([1], maxlen=2)
        self.by_default: Any = defaultdict(list, a=[1])
        self.recent, self.guarded = Recent(a=1, b=2), Guarded(a=1)
        self.user_dict = UserDict(a=[1])
        self.space = SimpleNamespace(items=[1])
        self.frozen, self.slotted = Frozen(), Slotted()
        self.array = np.ones(3)
        self.state = torch.ones(3)
        self.states = [torch.ones(3)]
        self.dice = random.Random(0)
        self.numpy_dice = np.random.default_rng(0)
        self.torch_dice = torch.Generator().manual_seed(0)
        self.first.weight.grad = torch.ones(3, 3)
        self.first.weight.tag = [1]
        self.first.weight.register_hook(torch.neg)
        self.first.register_forward_hook(lambda *_: None)
        self.first.eval()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.second(self.first(x)))


def _write(tensor: Tensor, value: float = 7.0) -> None:
    with torch.no_grad():
        tensor.fill_(value)


def _set(thing: Any, name: str, value: Any) -> None:
    setattr(thing, name, value)


def _transposed(model: Holder) -> None:
    model.first.weight.data = model.first.weight.data.t()


def _reordered(model: Holder) -> None:
    model._modules["first"] = model._modules.pop("first")


def _removed_hook(model: Holder) -> None:
    model.first._forward_hooks.clear()


def _advanced_buffer(model: Holder) -> None:
    model.norm(torch.randn(5, 3))


CHANGES: dict[str, Callable[[Holder], object]] = {
    "a training flag is set": lambda m: m.first.train(),
    "a parameter is written into": lambda m: _write(m.first.weight),
    "a parameter is written into by NumPy": lambda m: m.first.weight.detach().numpy().fill(7),
    "a parameter is replaced": lambda m: _set(m.first, "weight", nn.Parameter(torch.ones(3, 3))),
    "a parameter is removed": lambda m: m.first.__delattr__("bias"),
    "a parameter gets other memory": lambda m: _set(m.first.weight, "data", torch.ones(3, 3)),
    "a parameter is transposed in its memory": _transposed,
    "the parameters become double": lambda m: m.double(),
    "a parameter is tied to another": lambda m: _set(m.second, "weight", m.first.weight),
    "a parameter is frozen": lambda m: m.first.weight.requires_grad_(False),
    "an attribute of a parameter is added": lambda m: _set(m.second.weight, "tag", 1),
    "an attribute of a parameter is changed": lambda m: m.first.weight.tag.append(2),
    "a gradient is added": lambda m: _set(m.second.weight, "grad", torch.ones(3, 3)),
    "a gradient is removed": lambda m: m.zero_grad(),
    "a gradient is written into": lambda m: _write(m.first.weight.grad),
    "a gradient is accumulated": lambda m: m(torch.ones(4, 3)).sum().backward(),
    "a tensor hook is added": lambda m: m.second.weight.register_hook(torch.neg),
    "a second tensor hook is added": lambda m: m.first.weight.register_hook(torch.neg),
    "a hook after accumulation is added": lambda m: (
        m.second.weight.register_post_accumulate_grad_hook(lambda p: None)
    ),
    "a batch norm counts": _advanced_buffer,
    "a hidden batch norm counts": lambda m: m.hidden[0](torch.randn(5, 3)),
    "a hidden module changes its mode": lambda m: m.hidden[0].eval(),
    "a buffer is replaced": lambda m: _set(m, "zero", torch.ones(2)),
    "a buffer is removed": lambda m: m.__delattr__("zero"),
    "a buffer is added": lambda m: m.register_buffer("new", torch.ones(1)),
    "a buffer becomes persistent": lambda m: m._non_persistent_buffers_set.clear(),
    "minus zero becomes zero": lambda m: _write(m.zero, 0.0),
    "not-a-number becomes a number": lambda m: _write(m.missing),
    "an expanded buffer is written into": lambda m: _write(m.spread[:1]),
    "a sparse buffer is multiplied": lambda m: m.grid.mul_(3),
    "the numbers of a sparse buffer are written into": lambda m: _write(m.grid._values()),
    "a module is added": lambda m: m.add_module("third", nn.ReLU()),
    "a module is removed": lambda m: m.__delattr__("second"),
    "a module is replaced": lambda m: _set(m, "second", nn.ReLU()),
    "the modules are put in another order": _reordered,
    "a module changes its class": lambda m: _set(m.first, "__class__", nn.Identity),
    "a forward hook is added": lambda m: m.second.register_forward_hook(lambda *_: None),
    "a forward hook is removed": _removed_hook,
    "a backward hook is added": lambda m: m.register_full_backward_hook(lambda *_: None),
    "a hook on the state is added": lambda m: m.register_state_dict_post_hook(lambda *_: None),
    "a hook on all modules is added": lambda m: nn.modules.module.register_module_forward_hook(
        lambda *_: None
    ),
    "a number is changed": lambda m: _set(m, "count", 2000),
    "an attribute is added": lambda m: _set(m, "extra", 1),
    "an attribute is removed": lambda m: m.__delattr__("name"),
    "a method is replaced": lambda m: _set(m, "forward", m.first.forward),
    "a slot of a module is set": lambda m: _set(m, "slot", 2),
    "what stands in a slot is changed": lambda m: m.slot.append(2),
    "a slot of an object is set": lambda m: _set(m.slotted, "unset", 2),
    "a list in a slot of an object is changed": lambda m: m.slotted.items.append(2),
    "a nested dictionary is changed": lambda m: m.nested["a"][0].update(b=2),
    "an empty list is filled": lambda m: m.nested["empty"].append(1),
    "a list in a tuple is changed": lambda m: m.pair[0].append(2),
    "a set in a tuple is changed": lambda m: m.pair[1].add(3),
    "a queue is changed": lambda m: m.queue.append(2),
    "a default is made": lambda m: m.by_default["b"],
    "an ordered dictionary is read": lambda m: m.recent["a"],
    "a guarded dictionary is changed": lambda m: dict.__setitem__(m.guarded, "b", 2),
    "a user's dictionary is changed": lambda m: m.user_dict.update(b=2),
    "a name space is changed": lambda m: m.space.items.append(2),
    "a list in a frozen record is changed": lambda m: m.frozen.items.append(2),
    "an array is written into": lambda m: m.array.fill(7),
    "a plain tensor is written into": lambda m: _write(m.state),
    "a plain tensor in a list is written into": lambda m: _write(m.states[0]),
    "a plain tensor is replaced": lambda m: _set(m, "state", torch.zeros(3)),
    "a Python generator is used": lambda m: m.dice.random(),
    "a NumPy generator is used": lambda m: m.numpy_dice.random(),
    "a torch generator is used": lambda m: torch.rand(1, generator=m.torch_dice),
    "torch draws a number": lambda m: torch.rand(1),
    "NumPy draws a number": lambda m: np.random.rand(),
    "Python draws a number": lambda m: random.random(),
    "a device that is not there is seeded": lambda m: torch.cuda.manual_seed_all(3),
    "the default dtype is set": lambda m: torch.set_default_dtype(torch.float64),
    "autocast is set": lambda m: torch.set_autocast_enabled("cpu", True),
    "gradients are switched off": lambda m: torch.set_grad_enabled(False),
    "the fast path is set": lambda m: torch.backends.mha.set_fastpath_enabled(True),
    "a backend of attention is switched off": lambda m: torch.backends.cuda.enable_flash_sdp(False),
}


@pytest.fixture
def model() -> Holder:
    torch.manual_seed(0)
    return Holder()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_inside_is_as_before_outside(
    model: Holder, change: Callable[[Holder], object]
) -> None:
    before = fingerprint(model)
    with sandbox(model):
        inside = fingerprint(model)
        change(model)
        assert differences(inside, fingerprint(model)), "the fingerprint does not see this change"
    assert differences(before, fingerprint(model)) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_goes_through_and_nothing_stays_changed(
    model: Holder, error: type[BaseException]
) -> None:
    before = fingerprint(model)

    def fail() -> None:
        with sandbox(model):
            model.double().eval()
            model.extra = 1
            torch.rand(1)
            raise error("planned")

    with pytest.raises(error, match="planned"):
        fail()
    assert differences(before, fingerprint(model)) == []


def test_an_interrupt_while_things_are_put_back_leaves_nothing_changed(
    model: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(model)
    put_back, calls = torch.set_rng_state, [0]

    def interrupted(state: Tensor) -> None:
        calls[0] += 1
        if calls[0] == 1:
            raise KeyboardInterrupt("planned")
        put_back(state)

    def leave() -> None:
        with sandbox(model):
            model.double()
            torch.rand(1)
            monkeypatch.setattr(torch, "set_rng_state", interrupted)

    with pytest.raises(KeyboardInterrupt, match="planned"):
        leave()
    assert differences(before, fingerprint(model)) == []


class Writes(nn.Module):
    """A model that changes its own large parameter in each forward."""

    def __init__(self, how: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(200, 200))
        self.weight.grad = torch.randn(200, 200)
        self.memory = torch.randn(200, 200)
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.how(self.weight)
            self.how(self.memory)
            self.how(self.weight.grad)
        return x @ self.weight


LARGE = torch.ones(4, 200)
WRITES: dict[str, Callable[[Tensor], object]] = {
    "whole": lambda w: w.mul_(0.5),
    "a part": lambda w: w[:3].zero_(),
    "through its data": lambda w: w.data.add_(1),
    "as an out argument": lambda w: torch.mul(w, 2, out=w),
    "by copying": lambda w: w.copy_(torch.ones(200, 200)),
    "by an index": lambda w: w.__setitem__(torch.arange(3), 0.0),
    "by drawing": lambda w: nn.init.normal_(w),
}


@pytest.mark.parametrize("how", WRITES.values(), ids=WRITES)
def test_a_large_tensor_that_a_recorded_forward_writes_into_is_put_back(
    how: Callable[[Tensor], object],
) -> None:
    model = Writes(how)
    before = fingerprint(model)
    with sandbox(model) as box:
        record(model, (LARGE,), {}, box=box)
    assert differences(before, fingerprint(model)) == []


def test_a_write_that_nobody_announces_is_put_back_after_everything_was_copied() -> None:
    model = Writes(lambda w: w.numpy().fill(7) if not w.requires_grad else None)
    before = fingerprint(model)
    with sandbox(model) as box:
        box.save_all()
        model(LARGE)
        model.weight.detach().numpy().fill(7)
    assert differences(before, fingerprint(model)) == []


class Remembers(nn.Module):
    """A model whose next forward depends on its last, by an attribute that keeps a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(3, 3), nn.Linear(3, 3)
        self.state: Tensor | None = None
        self.calls: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x) if self.state is None else self.enter(x) + self.state
        self.state = h
        self.calls.append(len(self.calls))
        return x + self.leave(h)


X = torch.ones(4, 3)
SPREAD = torch.arange(12.0).reshape(4, 3).cos()


def test_the_next_forward_starts_from_the_attributes_of_the_first() -> None:
    model = Remembers()
    with sandbox(model) as box:
        first = model(X)
        box.restore_contents()
        assert model.state is None
        assert model.calls == []
        assert torch.equal(model(X), first)


def test_what_plusone_sets_stays_until_the_end(model: Holder) -> None:
    with sandbox(model) as box:
        model.train(False)
        model.second.weight.requires_grad_(False)
        frozen = model.norm.forward = torch.clone
        model.norm._buffers["running_mean"] = mean = torch.ones(3)
        box.restore_contents()
        assert not model.second.training
        assert not model.second.weight.requires_grad
        assert model.norm.forward is frozen
        assert model.norm.running_mean is mean


def test_a_model_that_remembers_its_last_graph_is_scanned_and_forgets_the_scan() -> None:
    model = Remembers()
    before = fingerprint(model)
    report = plusone.scan(model, X)
    assert all("collapse" in gap.what for gap in report.data.not_measured)  # of few samples
    assert differences(before, fingerprint(model)) == []


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_graph_that_the_user_built_before_still_runs_backward_after_a_scan(mode: str) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    model.train(mode == "train")
    loss = model(SPREAD).square().sum()
    plusone.scan(model, SPREAD)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    "context",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    ],
    ids=["no_grad", "inference_mode", "autocast", "anomaly"],
)
@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_a_scan_works_inside_contexts_and_leaves_them_as_they_are(
    model: Holder, context: Callable[[], Any]
) -> None:
    with context():
        before = fingerprint(model)
        report = plusone.scan(model, SPREAD)
        assert differences(before, fingerprint(model)) == []
    gaps = [gap.what for gap in report.data.not_measured if "gradient" in gap.what]
    assert all("collapse" in what for what in gaps)  # of few samples


def test_a_model_without_memory_comes_back_too() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).to("meta")
    before = fingerprint(model)
    with sandbox(model):
        model.double().eval()
        model(torch.ones(2, 3, device="meta", dtype=torch.float64))
        assert differences(before, fingerprint(model))
    assert differences(before, fingerprint(model)) == []


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_the_inside_of_a_scripted_module_is_put_back(model: Holder) -> None:
    model.second = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout()))
    before = fingerprint(model)
    with sandbox(model):
        model.eval()
        model.train()
        model(torch.randn(4, 3))
        model.eval()
        assert differences(before, fingerprint(model))
    assert differences(before, fingerprint(model)) == []


def test_entering_and_leaving_costs_less_than_three_microseconds_an_attribute() -> None:
    model = nn.Sequential(*[nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(300)])
    num_attributes = sum(len(m.__dict__) for m in model.modules())
    seconds = []
    for _ in range(10):
        start = time.process_time()
        with sandbox(model):
            pass
        seconds.append(time.process_time() - start)
    assert min(seconds) < 3e-6 * num_attributes


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer, self.drop = nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Dropout(0.1)
        self.num_calls, self.seen = 0, [torch.zeros(())]

    def forward(self, x: Tensor) -> Tensor:
        self.num_calls += 1
        self.seen[0] += x.detach().mean()
        self.last = x
        return x + self.drop(self.layer(self.norm(x)).relu())


def _chain() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), Block(), Block(), Block(), nn.Linear(8, 2))
    model[0].weight.grad = torch.ones(8, 3)
    return model


CONFIG = ScanConfig()
STAGES = ["recording one forward", "one backward", "timing", "Jacobian spectra", "end-to-end"]


def test_an_uninterrupted_scan_has_operations_in_every_stage() -> None:
    stages = phases(_chain(), SPREAD, CONFIG)
    assert all(any(stage.startswith(name) for stage in stages) for name in STAGES)


INTERRUPTS = [
    pytest.param(stage, error, id=f"{stage}-{error.__name__}")
    for stage in STAGES
    for error in (RuntimeError, KeyboardInterrupt)
]


@pytest.mark.parametrize(("stage", "error"), INTERRUPTS)
def test_a_scan_that_is_interrupted_leaves_everything_as_it_was(
    stage: str, error: type[BaseException]
) -> None:
    model, inputs = _chain(), SPREAD
    numbers = next(r for s, r in phases(model, inputs, CONFIG).items() if s.startswith(stage))
    before = fingerprint(model)
    for at in {numbers[0], numbers[-1], *random.Random(stage).choices(numbers, k=6)}:
        assert interrupt(model, inputs, CONFIG, at=at, error=error)
        assert differences(before, fingerprint(model)) == [], f"at operation {at}"


def _fails(*_: object) -> None:
    raise RuntimeError("planned")


HOOKS: dict[str, Callable[[nn.Module], object]] = {
    "before the forward": lambda m: m[1].register_forward_pre_hook(_fails),
    "after the forward": lambda m: m[1].register_forward_hook(_fails),
    "always after the forward": lambda m: m[1].register_forward_hook(_fails, always_call=True),
    "before the backward": lambda m: m[1].register_full_backward_pre_hook(_fails),
    "after the backward": lambda m: m[1].register_full_backward_hook(_fails),
    "on a parameter": lambda m: m[1].layer.weight.register_hook(_fails),
}


@pytest.mark.parametrize("register", HOOKS.values(), ids=HOOKS)
def test_a_hook_of_the_user_that_raises_leaves_everything_as_it_was(
    register: Callable[[nn.Module], object],
) -> None:
    model = _chain()
    register(model)
    before = fingerprint(model)
    with contextlib.suppress(plusone.CaptureError):
        report = plusone.scan(model, SPREAD)
        assert any("planned" in gap.why for gap in report.data.not_measured)
    assert differences(before, fingerprint(model)) == []
