"""Zero-cost proxies from their papers, on the same nets and the same batch.

Each is written so that a higher score is the paper's better one. NaN where a score is not defined.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from benchmarks.trainability.aznas import az_nas
from benchmarks.trainability.nets import Net
from benchmarks.trainability.nets import build as build_net
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

NUM_NTK = 16
Scores = dict[str, float]


def proxies(net: Net, x: torch.Tensor, targets: torch.Tensor) -> Scores:
    """Every proxy by name, and `seconds_...` of each; a net is built anew for those that write."""
    scores: Scores = {}
    stages: dict[str, Callable[[], Scores]] = {
        "forward_backward": lambda: _plain(net, x, targets),
        "gradient_norm": lambda: gradient_scores(net, x, targets),
        "grasp": lambda: {"grasp": grasp(net, x, targets)},
        "synflow": lambda: {"synflow": synflow(net, x)},
        "naswot": lambda: {"naswot": naswot(net, x)},
        "jacobian_covariance": lambda: {"jacobian_covariance": jacobian_covariance(net, x)},
        "zen": lambda: {"zen": zen(net, x)},
        "az_nas": lambda: az_nas(net, x),
        "ntk": lambda: {"ntk_condition": ntk_condition(net, x[:NUM_NTK])},
        "size": lambda: size(net, x),
    }
    for name, stage in stages.items():
        start = time.process_time()
        with sdpa_kernel(SDPBackend.MATH):  # flash attention cannot be differentiated twice
            scores |= stage()
        scores[f"seconds_{name}"] = time.process_time() - start
    return scores


def _plain(net: Net, x: torch.Tensor, targets: torch.Tensor) -> Scores:
    """One forward and backward, twice: the first warms up; the second is what costs are told in."""
    for _ in range(2):
        start = time.process_time()
        loss = F.cross_entropy(net(x), targets)
        torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
        seconds = time.process_time() - start
    return {"initial_loss": float(loss.detach()), "forward_backward": seconds}


def _gradients(
    net: nn.Module, loss: torch.Tensor, *, create_graph: bool = False
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    parameters = list(net.parameters())
    found = torch.autograd.grad(loss, parameters, create_graph=create_graph, allow_unused=True)
    return [(p, g) for p, g in zip(parameters, found, strict=True) if g is not None]


def gradient_scores(net: Net, x: torch.Tensor, targets: torch.Tensor) -> Scores:
    """Gradient norm: the sum of the norms over tensors (Abdelfattah et al. 2021, sec. 3.2).

    SNIP: sum |w dL/dw| (Lee, Ajanthan and Torr 2019, eq. 4). Both in logs.
    """
    pairs = _gradients(net, F.cross_entropy(net(x), targets))
    norm = sum(float(g.double().norm()) for _, g in pairs)
    snip = sum(float((g.double() * p.detach().double()).abs().sum()) for p, g in pairs)
    return {"gradient_norm": _log10(norm), "snip": _log10(snip)}


def grasp(net: Net, x: torch.Tensor, targets: torch.Tensor) -> float:
    """GraSP: - sum w (H g), H the Hessian and g the gradient (Wang, Zhang and Grosse 2020, eq. 8).

    As sign times log10(1 + |score|): it spans many decades.
    """
    pairs = _gradients(net, F.cross_entropy(net(x), targets), create_graph=True)
    product = sum((g * g.detach()).sum() for _, g in pairs if g.requires_grad)
    total = 0.0
    for p, hg in _gradients(net, product):  # type: ignore[arg-type]
        total -= float((p.detach().double() * hg.double()).sum())
    if not math.isfinite(total):
        return math.nan
    return math.copysign(math.log10(1.0 + abs(total)), total)


def synflow(net: Net, x: torch.Tensor) -> float:
    """SynFlow in logs: sum |w| dR/d|w|, R the sum of outputs for inputs of ones and weights |w|.

    In float64; norms let everything pass, as fresh batch norms in evaluation mode do
    (Tanaka et al. 2020, eq. 2 and algorithm 1).
    """
    twin = build_net(net.arch).double()
    for name in [n for n in twin.layers if n.endswith("n")]:
        twin.layers[name] = nn.Identity()
    with torch.no_grad():
        for p in twin.parameters():
            p.abs_()
    pairs = _gradients(twin, twin(torch.ones_like(x[:1], dtype=torch.float64)).sum())
    return _log10(sum(float((p.detach() * g).sum()) for p, g in pairs))


def naswot(net: Net, x: torch.Tensor) -> float:
    """NASWOT: log |det K_H|, K_H the agreement of the samples' codes of active units.

    A unit is active where the input of the activation is above 0, for every activation
    (Mellor et al. 2021, eq. 2).
    """
    n = len(x)
    kernel = torch.zeros(n, n, dtype=torch.float64)

    def add(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        code = (args[0].detach().flatten(1) > 0).float()
        kernel.add_((code @ code.T + (1 - code) @ (1 - code).T).double())

    with _hooks(net, lambda name: name.endswith("a"), add), torch.no_grad():
        net(x)
    sign, value = torch.linalg.slogdet(kernel)
    return float(value) if float(sign) > 0 and math.isfinite(float(value)) else -1e4


def jacobian_covariance(net: Net, x: torch.Tensor) -> float:
    """The score of the input Jacobians' correlations: - sum log(v + k) + 1 / (v + k), k = 1e-5.

    v are the eigenvalues of the matrix of correlations between the samples' gradients of the
    summed logits (Mellor et al. 2020, the first version of NASWOT).
    """
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net(x).sum(), x)
    rows = gradient.flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    rows = rows / rows.norm(dim=1, keepdim=True)
    if not bool(torch.isfinite(rows).all()):
        return math.nan
    values = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0.0) + 1e-5
    return -float((values.log() + 1.0 / values).sum())


def zen(net: Net, x: torch.Tensor, *, step: float = 0.01) -> float:
    """Zen score: log E |f(z) - f(z + step e)| + sum of log of the batch norms' deviations.

    f: the features before the head; z, e normal. On the net's own first weights, 4 draws
    (Lin et al. 2021, algorithm 1).
    """
    generator = torch.Generator().manual_seed(0)
    deviations: list[float] = []
    features: list[torch.Tensor] = []

    def note(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(module, nn.Linear):
            features.append(args[0].double())
        else:
            axes = [k for k in range(args[0].dim()) if k != 1]
            deviations.append(float(args[0].double().var(axes).mean().sqrt()))

    def wanted(name: str) -> bool:
        return name == "head" or (name.endswith("n") and net.arch.norm == "batch")

    with _hooks(net, wanted, note), torch.no_grad():
        for _ in range(4):
            z = torch.randn(x.shape, generator=generator)
            e = torch.randn(x.shape, generator=generator)
            net(z)
            net(z + step * e)
    pairs = zip(features[::2], features[1::2], strict=True)
    change = sum(float((a - b).norm(dim=1).mean()) for a, b in pairs) / 4
    scale = sum(math.log(max(d, 1e-30)) for d in deviations) / 8
    return math.log(change) + scale if 0 < change < math.inf else _log10(change)


def ntk_condition(net: Net, x: torch.Tensor) -> float:
    """- log10 of the condition number of the NTK of the summed logits, one row for each sample.

    Chen, Gong and Wang (2021), TE-NAS, eq. 2: a lower condition number is better.
    """
    parameters = list(net.parameters())
    logits = net(x).sum(1)
    rows = []
    for value in logits:
        found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([g.flatten() for g in found if g is not None]))
    J = torch.stack(rows).double()
    if not bool(torch.isfinite(J).all()) or float(J.abs().max()) == 0.0:
        return -40.0
    values = torch.linalg.svdvals(J / J.abs().max())
    return -2.0 * (_log10(float(values[0])) - max(_log10(float(values[-1])), -20.0))


def size(net: Net, x: torch.Tensor) -> Scores:
    """log10 of the number of parameters and of the FLOPs of one sample; the depth."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x)
    return {
        "parameters": _log10(sum(p.numel() for p in net.parameters())),
        "flops": _log10(counter.get_total_flops() / len(x)),
    }


class _hooks:
    """Forward hooks on the layers whose name is wanted, while open."""

    def __init__(self, net: Net, wanted: Callable[[str], bool], hook: Callable[..., None]) -> None:
        modules = [m for name, m in net.layers.items() if wanted(name)]
        self._handles = [m.register_forward_hook(hook) for m in modules]

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        for handle in self._handles:
            handle.remove()


def _log10(number: float) -> float:
    if math.isnan(number):
        return math.nan
    if math.isinf(number):
        return 400.0
    return math.log10(number) if number > 0 else -400.0
