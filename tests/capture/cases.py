"""Ways to write a skip, and what each of them is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from capture.recorded import WIDTH

HALF = WIDTH // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A forward of a `Net` with the kinds of its skips.

    `walked` are the kinds that autograd's graph shows, where it shows others, `because` of a
    known blind spot. `wrong` says what is not mended yet, if the skips are not found.
    """

    forward: Callable[[Any, Any], Any]
    kinds: list[str]
    walked: list[str] | None = None
    because: str = ""
    wrong: str = ""


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, gradient


def _in_place(net: Any, x: Tensor) -> Tensor:
    y = x.clone()
    y += net.f(x)
    return y


def _on_the_branch_in_place(net: Any, x: Tensor) -> Tensor:
    return net.f(x).add_(x)


def _out(net: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        total = torch.empty_like(x)
        torch.add(x, net.f(x), out=total)
    return total


def _out_over_a_signal(net: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        h = x.clone()
        torch.add(net.g(x), net.f(x), out=h)
    return h


def _highway(net: Any, x: Tensor) -> Tensor:
    gate = net.g(x).sigmoid()
    return gate * net.f(x) + (1 - gate) * x


def _slices(net: Any, x: Tensor) -> Tensor:
    y = torch.zeros(len(x), 2 * WIDTH)
    y[:, :WIDTH] = x
    y[:, WIDTH:] = net.f(x)
    return y


def _half(net: Any, x: Tensor) -> Tensor:
    left, right = x.chunk(2, 1)
    return torch.cat([left, net.f(F.pad(right, (0, HALF)))], 1)


def _add_to_a_view(net: Any, x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :HALF] += net.f(x)[:, :HALF]
    return y


def _add_to_a_view_of_all(net: Any, x: Tensor) -> Tensor:
    y = x.clone().view(-1)
    y += net.f(x).view(-1)
    return y.view(x.shape)


def _subtract_from_a_view(net: Any, x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :HALF] -= net.f(x)[:, :HALF]
    return y


def _lerp_in_a_view(net: Any, x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :HALF].lerp_(net.f(x)[:, :HALF], 0.3)
    return y


def _double_in_a_view_of_all(net: Any, x: Tensor) -> Tensor:
    y = x.clone().view(-1)
    y.mul_(2.0)
    return y.view(x.shape) + net.f(x)


def _relu_in_a_view_of_all(net: Any, x: Tensor) -> Tensor:
    y = net.f(x).view(-1)
    y.relu_()
    y = y.view(x.shape)
    return y + net.g(y)


def _data(net: Any, x: Tensor) -> Tensor:
    y = net.f(x)
    y.data += x.data
    return net.g(y)


def _detached(net: Any, x: Tensor) -> Tensor:
    return x.detach() + net.f(x)


def _no_grad(net: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = x + net.f(x)
    return net.g(y)


def _attention(net: Any, x: Tensor) -> Tensor:
    q = net.f(x).view(1, 1, -1, WIDTH)
    return x + F.scaled_dot_product_attention(q, q, q).view(-1, WIDTH)


def _sparse(net: Any, x: Tensor) -> Tensor:
    adjacency = torch.eye(len(x)).to_sparse()
    return x + torch.sparse.mm(adjacency, net.f(x))


def _sparse_csr(net: Any, x: Tensor) -> Tensor:
    return x + torch.eye(len(x)).to_sparse_csr() @ net.f(x)


def _complex(net: Any, x: Tensor) -> Tensor:
    return x + torch.fft.ifft(torch.fft.fft(net.f(x)) * 1j).real


def _complex_skip(net: Any, x: Tensor) -> Tensor:
    z = torch.complex(x, x)
    return (z + torch.complex(net.f(z.real), net.f(z.imag))).abs()


def _empty(net: Any, x: Tensor) -> Tensor:
    return torch.cat([x[:0], x + net.f(x), x[:0]])


def _loop(net: Any, x: Tensor) -> Tensor:
    for _ in range(3):
        x = x + net.f(x)
    return x


def _until(net: Any, x: Tensor) -> Tensor:
    steps = 0
    while steps < 2 or (float(x.detach().abs().sum()) < 0 and steps < 9):
        x = x + net.f(x)
        steps += 1
    return x


def _either(net: Any, x: Tensor) -> Tensor:
    return x + net.f(x) if bool((x.square().sum() > 0).item()) else net.f(x)


def _views_between(net: Any, x: Tensor) -> Tensor:
    y = x.reshape(-1).unsqueeze(0).expand(2, -1)[0].view(x.shape).t().t()
    return y + net.f(x)


def _rewrapped(net: Any, x: Tensor) -> Tensor:
    # autograd makes a new Python object of a view whose base was written into
    base = x.clone()
    view = base.view(-1)
    base.mul_(2.0)
    return view.view(x.shape) + net.f(base)


def _vmapped(net: Any, x: Tensor) -> Tensor:
    return torch.vmap(lambda row: row + net.f(row))(x)


def _weights_written_in_a_buffer(net: Any, x: Tensor) -> Tensor:
    weight = torch.empty(WIDTH, WIDTH)
    weight.copy_(net.f.map.weight)
    return x + (x @ weight).tanh()


def _dropped(net: Any, x: Tensor) -> Tensor:
    return F.dropout(net.f(x), 0.5, training=True)


def _noisy(net: Any, x: Tensor) -> Tensor:
    h = net.f(x)
    return net.g(h + torch.randn_like(h) * x.new_ones(x.shape) * torch.full_like(x, 0.1))


def _of_ones(net: Any, x: Tensor) -> Tensor:
    return net.f(x) * torch.zeros_like(x).add_(1.0) + torch.empty_like(x).fill_(2.0)


def _overwritten(net: Any, x: Tensor) -> Tensor:
    y = x.clone()
    y.copy_(net.f(x))
    return net.g(y)


def _zeroed(net: Any, x: Tensor) -> Tensor:
    y = x.clone()
    y.zero_()
    return y + net.f(x)


CASES: dict[str, Case] = {
    "x + f(x)": Case(forward=lambda n, x: x + n.f(x), kinds=["identity"]),
    "x - f(x)": Case(forward=lambda n, x: x - n.f(x), kinds=["identity"]),
    "alpha on the branch": Case(
        forward=lambda n, x: torch.add(x, n.f(x), alpha=0.5), kinds=["identity"]
    ),
    "alpha on the skip": Case(
        forward=lambda n, x: torch.add(n.f(x), x, alpha=0.5), kinds=["scaled"]
    ),
    "a factor on the skip": Case(forward=lambda n, x: 0.5 * x + n.f(x), kinds=["scaled"]),
    "in place": Case(forward=_in_place, kinds=["identity"]),
    "in place on the branch": Case(forward=_on_the_branch_in_place, kinds=["identity"]),
    "stack": Case(forward=lambda n, x: torch.stack([x, n.f(x)]), kinds=["concat"]),
    "addmm": Case(forward=lambda n, x: torch.addmm(x, n.f(x), n.g.map.weight), kinds=["identity"]),
    "lerp": Case(forward=lambda n, x: torch.lerp(x, n.f(x), 0.3), kinds=["scaled"]),
    "cat": Case(forward=lambda n, x: torch.cat([x, n.f(x)], 1), kinds=["concat"]),
    "cat of a half": Case(forward=_half, kinds=["concat"]),
    "slices": Case(
        forward=_slices,
        kinds=["concat"],
    ),
    "highway": Case(forward=_highway, kinds=["gated"]),
    "squeeze and excitation": Case(forward=lambda n, x: x * n.f(x).sigmoid(), kinds=["gated"]),
    "attention": Case(forward=_attention, kinds=["identity"]),
    "views between": Case(forward=_views_between, kinds=["identity"]),
    "a view that is wrapped again": Case(forward=_rewrapped, kinds=["identity"]),
    "a loop": Case(forward=_loop, kinds=["identity"] * 3),
    "a loop until a value": Case(forward=_until, kinds=["identity"] * 2),
    "a branch that a value decides": Case(forward=_either, kinds=["identity"]),
    "vmap": Case(forward=_vmapped, kinds=["identity"]),
    "sparse COO": Case(forward=_sparse, kinds=["identity"]),
    "sparse CSR": Case(forward=_sparse_csr, kinds=["identity"]),
    "complex branch": Case(forward=_complex, kinds=["identity"]),
    "complex skip": Case(forward=_complex_skip, kinds=["identity"]),
    "empty parts": Case(forward=_empty, kinds=["identity"]),
    "weights in a buffer": Case(forward=_weights_written_in_a_buffer, kinds=["identity"]),
    "checkpoint": Case(
        forward=lambda n, x: checkpoint(lambda y: y + n.f(y), x, use_reentrant=False),
        kinds=["identity"],
    ),
    "reentrant checkpoint": Case(
        forward=lambda n, x: checkpoint(lambda y: y + n.f(y), x, use_reentrant=True),
        kinds=["identity"],
        walked=[],
        because="its forward runs without gradients",
    ),
    "custom function": Case(
        forward=lambda n, x: _Add.apply(x, n.f(x)),
        kinds=["identity"],
        walked=[],
        because="its inside is not in the graph",
    ),
    "out=": Case(
        forward=_out, kinds=["identity"], walked=[], because="out= works without gradients only"
    ),
    "no_grad": Case(
        forward=_no_grad, kinds=["identity"], walked=[], because="nothing is in the graph"
    ),
    ".data": Case(
        forward=_data, kinds=["identity"], walked=[], because="autograd does not see the sum"
    ),
    "detach": Case(
        forward=_detached, kinds=["identity"], walked=[], because="the skip carries no gradient"
    ),
    "add to a view": Case(forward=_add_to_a_view, kinds=["identity"]),
    "add to a view of all": Case(forward=_add_to_a_view_of_all, kinds=["identity"]),
    "subtract from a view": Case(forward=_subtract_from_a_view, kinds=["identity"]),
    "a factor in a view of all": Case(forward=_double_in_a_view_of_all, kinds=["scaled"]),
    "an activation in a view of all": Case(forward=_relu_in_a_view_of_all, kinds=["identity"]),
    "lerp in a view": Case(
        forward=_lerp_in_a_view,
        kinds=["scaled"],
        walked=["concat"],
        because="of a write through a view, only sums are told apart",
    ),
    "plain": Case(forward=lambda n, x: n.g(n.f(x)), kinds=[]),
    "two branches without a skip": Case(forward=lambda n, x: n.f(x) + n.g(x), kinds=[]),
    "dropout": Case(forward=_dropped, kinds=[]),
    "noise in the form of the signal": Case(forward=_noisy, kinds=[]),
    "constants in the form of the signal": Case(forward=_of_ones, kinds=[]),
    "a signal that is written over": Case(forward=_overwritten, kinds=[]),
    "a signal that is set to zero": Case(forward=_zeroed, kinds=[]),
    "out= over a signal": Case(
        forward=_out_over_a_signal,
        kinds=[],
        walked=[],
    ),
}
