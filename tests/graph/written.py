"""Small nets written by hand, each with the skips that its formula has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, LAYERS = 16, 3


class Layers(nn.Module):
    """Branches f (two layers), single layers g, norms and scalars; `step` says what to do."""

    def __init__(self, step: Callable[[Layers, Tensor], Tensor]) -> None:
        super().__init__()
        self.step = step
        self.f = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
            for _ in range(LAYERS)
        )
        self.g = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.h = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.norm = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.alpha = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in range(LAYERS))
        self.wide = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """What `step` makes of x."""
        return self.step(self, x)


def each(rule: Callable[[Layers, int, Tensor], Tensor]) -> Callable[[Layers, Tensor], Tensor]:
    """Apply `rule` once for each layer."""

    def step(net: Layers, x: Tensor) -> Tensor:
        for i in range(LAYERS):
            x = rule(net, i, x)
        return x

    return step


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A net by its formula, with the kinds of its skips in the order of their joins."""

    name: str
    step: Callable[[Layers, Tensor], Tensor]
    kinds: tuple[str, ...] = ()
    shape: tuple[int, ...] = (8, WIDTH)
    blocks: int | None = field(default=None)

    def build(self) -> tuple[Layers, Tensor]:
        """The net and a batch."""
        torch.manual_seed(0)
        return Layers(self.step), torch.randn(self.shape)


def _in_place(net: Layers, i: int, x: Tensor) -> Tensor:
    h = net.f[i](x)
    h += x
    return h


def _highway(net: Layers, i: int, x: Tensor) -> Tensor:
    t = torch.sigmoid(net.g[i](x))
    return t * net.f[i](x) + (1 - t) * x


def _tanh_gru(net: Layers, i: int, x: Tensor) -> Tensor:
    z = torch.sigmoid(net.g[i](x))
    return (1 - z) * torch.tanh(net.f[i](x)) + z * x


def _routed(net: Layers, i: int, x: Tensor) -> Tensor:
    kept = net.g[i](x)[:, 0].topk(4).indices
    return x.index_add(0, kept, net.f[i](x[kept]))


def _written_rms(net: Layers, i: int, x: Tensor) -> Tensor:
    h = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * net.norm[i].weight
    return x + net.f[i](h)


def _drop_path(net: Layers, i: int, x: Tensor) -> Tensor:
    kept = torch.bernoulli(torch.full((len(x), 1), 0.8)) / 0.8
    return x + kept * net.f[i](x)


def _momentum(net: Layers, x: Tensor) -> Tensor:
    v = net.f[0](x)
    for i in range(1, LAYERS):
        v = 0.9 * v + 0.1 * net.f[i](x)
        x = x + v
    return x


def _reversible(net: Layers, x: Tensor) -> Tensor:
    a, b = x, x.flip(-1)
    for f in net.f:
        a = a + f(b)
        b = b + f(a)
    return b


def _dense(net: Layers, x: Tensor) -> Tensor:
    features = [x]
    for f in net.f:
        features.append(f(torch.cat(features, -1)[..., -WIDTH:]))
    return torch.cat(features, -1)


def _u_net(net: Layers, x: Tensor) -> Tensor:
    first = net.f[0](x)
    second = net.f[1](first)
    bottom = net.f[2](second)
    up = net.wide(torch.cat([bottom, second], -1))
    return net.wide(torch.cat([up, first], -1))


def _value_residual(net: Layers, x: Tensor) -> Tensor:
    first = net.g[0](x)
    for i in range(1, LAYERS):
        value = 0.5 * net.g[i](x) + 0.5 * first
        x = x + net.f[i](value)
    return x


def _euler(net: Layers, x: Tensor) -> Tensor:
    steps = 0
    while steps < 5:
        x = x + 0.1 * net.f[0](x)
        steps += 1
    return x


def _film(net: Layers, x: Tensor) -> Tensor:
    scale, shift = net.g[0](x.mean(1)).chunk(2, -1)
    scale, shift = F.pad(scale, (0, 8))[:, None], F.pad(shift, (0, 8))[:, None]
    for i in range(LAYERS):
        x = F.silu(net.f[i](x)) * (1 + scale) + shift
    return x


def _recurrent(net: Layers, x: Tensor) -> Tensor:
    h = torch.zeros(len(x), WIDTH)
    for t in range(x.shape[1]):
        h = torch.tanh(net.g[0](x[:, t]) + net.h[0](h))
    return h


def _recurrent_early(net: Layers, x: Tensor) -> Tensor:
    seen, h = net.g[0](x), torch.zeros(len(x), WIDTH)
    for t in range(x.shape[1]):
        h = torch.tanh(seen[:, t] + net.h[0](h))
    return h


def _recurrent_cat(net: Layers, x: Tensor) -> Tensor:
    h = torch.zeros(len(x), WIDTH)
    for t in range(x.shape[1]):
        h = torch.tanh(net.wide(torch.cat([x[:, t], h], -1)))
    return h


def _drawn(net: Layers, x: Tensor) -> Tensor:
    h = net.f[0](x).relu()
    return net.f[1](net.g[0](h) + torch.randn_like(x) * torch.exp(0.5 * net.h[0](h)))


def _additive_attention(net: Layers, x: Tensor) -> Tensor:
    query = net.f[0](x.mean(1, keepdim=True))
    scores = net.h[0](torch.tanh(net.g[0](x) + net.g[1](query)))
    return (torch.softmax(scores, 1) * net.g[2](x)).sum(1)


def _rotary(net: Layers, x: Tensor) -> Tensor:
    q, k, v = net.g[0](x), net.g[1](x), net.g[2](x)
    angle = torch.arange(x.shape[1])[:, None] * torch.ones(WIDTH)

    def turn(y: Tensor) -> Tensor:
        half = torch.cat([-y[..., WIDTH // 2 :], y[..., : WIDTH // 2]], -1)
        return y * angle.cos() + half * angle.sin()

    scores = turn(q) @ turn(k).transpose(1, 2)
    return x + net.h[0](torch.softmax(scores, -1) @ v)


def _class_token(net: Layers, x: Tensor) -> Tensor:
    token, patches = x[:, :1], x[:, 1:]
    for f in net.f:
        patches = f(patches)
    return net.g[0](torch.cat([token, patches], 1))


def _gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.044715 * x.pow(3))))


def _value(k: str) -> tuple[str, ...]:
    return (k,) * LAYERS


def _simple(name: str, kind: str, rule: Callable[[Layers, int, Tensor], Tensor]) -> Written:
    return Written(name=name, step=each(rule), kinds=_value(kind), blocks=LAYERS)


WRITTEN = (
    _simple("x + F(x)", "identity", lambda n, i, x: x + n.f[i](x)),
    _simple("F(x) + x", "identity", lambda n, i, x: n.f[i](x) + x),
    _simple("torch.add(x, F(x))", "identity", lambda n, i, x: torch.add(x, n.f[i](x))),
    _simple("alpha on the branch", "identity", lambda n, i, x: torch.add(x, n.f[i](x), alpha=0.1)),
    _simple("alpha on the skip", "scaled", lambda n, i, x: torch.add(n.f[i](x), x, alpha=0.5)),
    _simple("h += x", "identity", _in_place),
    _simple("stack, sum", "identity", lambda n, i, x: torch.stack([x, n.f[i](x)]).sum(0)),
    _simple("stack, mean", "scaled", lambda n, i, x: torch.stack([x, n.f[i](x)], 1).mean(1)),
    _simple(
        "stack, einsum",
        "identity",
        lambda n, i, x: torch.einsum("kbd->bd", torch.stack([x, n.f[i](x)])),
    ),
    _simple("x - F(x)", "identity", lambda n, i, x: x - n.f[i](x)),
    _simple("x + F(x) + G(x)", "identity", lambda n, i, x: x + n.f[i](x) + n.g[i](x)),
    _simple("x + (F(x) + G(x))", "identity", lambda n, i, x: x + (n.f[i](x) + n.g[i](x))),
    _simple("ReZero", "identity", lambda n, i, x: x + n.alpha[i] * n.f[i](x)),
    _simple("scaled skip", "scaled", lambda n, i, x: 0.9 * x + n.f[i](x)),
    _simple("learned scale on the skip", "scaled", lambda n, i, x: n.alpha[i] * x + n.f[i](x)),
    _simple("lerp by a number", "scaled", lambda n, i, x: torch.lerp(x, n.f[i](x), 0.3)),
    _simple(
        "lerp by a signal",
        "gated",
        lambda n, i, x: torch.lerp(x, n.f[i](x), torch.sigmoid(n.g[i](x))),
    ),
    _simple("highway", "gated", _highway),
    _simple("gated recurrence over depth", "gated", _tanh_gru),
    _simple(
        "addcmul", "identity", lambda n, i, x: torch.addcmul(x, n.f[i](x), n.g[i](x).sigmoid())
    ),
    _simple(
        "where",
        "gated",
        lambda n, i, x: torch.where(n.g[i](x).sum(-1, keepdim=True) > 0, n.f[i](x), x),
    ),
    _simple("mixture of depths", "identity", _routed),
    _simple("pre-norm", "identity", lambda n, i, x: x + n.f[i](n.norm[i](x))),
    _simple("post-norm", "identity", lambda n, i, x: n.norm[i](x + n.f[i](x))),
    _simple("norm on the skip", "scaled", lambda n, i, x: n.norm[i](x) + n.f[i](x)),
    _simple("norm written out", "identity", _written_rms),
    _simple("stochastic depth", "identity", _drop_path),
    _simple("linear shortcut", "projection", lambda n, i, x: n.g[i](x) + n.f[i](x)),
    _simple("GELU written out", "identity", lambda n, i, x: x + n.g[i](_gelu(n.h[i](x)))),
    _simple("SwiGLU", "identity", lambda n, i, x: x + n.f[i](F.silu(n.g[i](x)) * n.h[i](x))),
    Written(name="Euler steps", step=_euler, kinds=("identity",) * 5, blocks=5),
    Written(name="no skip", step=each(lambda n, i, x: n.f[i](x).relu())),
    Written(name="a number drawn", step=_drawn),
    Written(name="two linear ways", step=each(lambda n, i, x: n.g[i](x) + n.h[i](x))),
    Written(
        name="squeeze and excitation",
        step=each(lambda n, i, x: x + n.f[i](x) * torch.sigmoid(n.g[i](n.f[i](x)))),
        kinds=_value("identity"),
    ),
    Written(
        name="gate on the branch's own output",
        step=each(lambda n, i, x: (lambda y: x + y * torch.sigmoid(n.g[i](y)))(n.f[i](x))),
        kinds=("gated", "identity") * LAYERS,
    ),
    Written(name="U-Net", step=_u_net, kinds=("concat",) * 2),
    Written(name="dense", step=_dense, kinds=("concat",) * LAYERS),
    # The last velocity is read once: x + 0.9 v + 0.1 F(x) is one join with two skips.
    Written(name="momentum residual", step=_momentum, kinds=("identity", "identity", "scaled")),
    Written(name="reversible", step=_reversible, kinds=("identity",) * 2 * LAYERS),
    # Where both values are made of the same x, the first goes around nothing.
    Written(name="value residual", step=_value_residual, kinds=("identity", "scaled", "identity")),
    Written(name="shift spread over positions", step=_film, shape=(4, 5, WIDTH)),
    Written(name="recurrence", step=_recurrent, shape=(4, 5, WIDTH)),
    Written(name="recurrence, input layer first", step=_recurrent_early, shape=(4, 5, WIDTH)),
    Written(name="recurrence on a concatenation", step=_recurrent_cat, shape=(4, 5, WIDTH)),
    Written(name="additive attention", step=_additive_attention, shape=(4, 5, WIDTH)),
    Written(name="rotary attention", step=_rotary, kinds=("identity",), shape=(4, 5, WIDTH)),
    Written(name="class token put back", step=_class_token, shape=(4, 5, WIDTH)),
)
