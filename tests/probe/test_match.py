"""A value of one recording found in another of the same net: fewer samples, other kernels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from plusone.capture.eager import record
from plusone.probe.batchnorm import freeze_batch_norms
from plusone.probe.match import TraceMatch
from probe.recorded import Function, linear, observed


def attention(layers: list[nn.Module]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        for layer in layers:
            q, k, v = layer(x).unflatten(-1, (3, 1, 6)).permute(2, 0, 3, 1, 4)
            x = x + F.scaled_dot_product_attention(q, k, v).squeeze(1)
        return x

    return forward


def loop(layers: list[nn.Module]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        for _ in range(3):
            x = x + torch.tanh(layers[0](x))
        return x * x.sum(-1, keepdim=True)

    return forward


def test_the_same_net_on_fewer_samples_has_the_same_values() -> None:
    layers = [linear(6)]
    model = Function(loop(layers), *layers)
    x = torch.randn(5, 6, dtype=torch.float64)
    with observed(model, x) as seen:
        second = record(model, (x[:2],), {}, box=seen.box).trace
        match = TraceMatch(seen.recording.trace, second)
        for number, op in enumerate(seen.recording.trace.ops):
            assert match.twin((number, 0)) == (number, 0), op.name


def test_values_keep_their_order_where_attention_takes_other_operations() -> None:
    layers: list[nn.Module] = [linear(6, 18) for _ in range(3)]
    model = Function(attention(layers), *layers)
    x = torch.randn(3, 4, 6, dtype=torch.float64)
    with observed(model, x) as seen:
        first = seen.recording
        with sdpa_kernel(SDPBackend.MATH):
            second = record(model, (x,), {}, box=seen.box)
        assert len(first.trace.ops) != len(second.trace.ops)
        match = TraceMatch(first.trace, second.trace)
        blocks = [match.twin(block.output) for block in seen.graph.blocks]
        assert len(blocks) == 3
        adds = [(i, 0) for i, op in enumerate(second.trace.ops) if op.name == "add"]
        assert blocks == adds[-3:]


def test_a_product_behind_attention_is_found_among_those_inside_its_plain_form() -> None:
    """Plain attention multiplies by scales of its own, in the same call and the same shape."""
    layers: list[nn.Module] = [linear(6, 18) for _ in range(3)]
    gains = torch.tensor([0.5, 0.25, 2.0], dtype=torch.float64)

    def forward(x: Tensor) -> Tensor:
        for layer, gain in zip(layers, gains, strict=True):
            q, k, v = layer(x).unflatten(-1, (3, 6)).unbind(-2)
            x = x + gain * F.scaled_dot_product_attention(q, k, v)
        return x

    model = Function(forward, *layers)
    x = torch.randn(3, 1, 4, 6, dtype=torch.float64)
    with observed(model, x) as seen:
        with sdpa_kernel(SDPBackend.MATH):
            second = record(model, (x,), {}, box=seen.box)
        names = [[op.name for op in t.ops] for t in (seen.recording.trace, second.trace)]
        assert names[0].count("mul") < names[1].count("mul")
        match = TraceMatch(seen.recording.trace, second.trace)
        for block in seen.graph.blocks:
            twin = match.twin(block.branches[0])
            assert twin is not None
            # The branch is what the sum behind it reads.
            join = match.twin(block.output)
            assert join is not None
            assert twin in second.trace.ops[join[0]].parents


def test_a_frozen_norm_is_found_at_the_end_of_its_call() -> None:
    norms = [nn.BatchNorm1d(6).double() for _ in range(2)]
    model = Function(lambda x: norms[1](torch.tanh(norms[0](x))), *norms)
    x = torch.randn(5, 6, dtype=torch.float64)
    with observed(model, x) as seen:
        freeze_batch_norms(model, seen.signal.statistics(seen.recording.trace))
        second = record(model, (x[:2],), {}, box=seen.box).trace
        match = TraceMatch(seen.recording.trace, second)
        for turn, name in enumerate(("parts.0", "parts.1")):
            twin = match.twin(seen.value("native_batch_norm", turn))
            assert twin is not None
            assert second.ops[twin[0]].name == "addcmul"
            assert second.calls[second.ops[twin[0]].call].path == name


@pytest.mark.parametrize("width", [6, 7])
def test_a_value_of_another_form_is_no_twin(width: int) -> None:
    model = Function(lambda x: torch.tanh(x).sum(1))
    with observed(model, torch.randn(5, 6, dtype=torch.float64)) as seen:
        second = record(model, (torch.randn(2, width).double(),), {}, box=seen.box).trace
        match = TraceMatch(seen.recording.trace, second)
        found = match.twin(seen.value("tanh"))
        assert (found is None) == (width == 7)
