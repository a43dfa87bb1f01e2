"""What the spectra of all blocks cost and how far they are off, in forward+backwards (f+b).

    python benchmarks/spectra.py                 # ResNet-20, ResNet-50, GPT-2: cost and error
    python benchmarks/spectra.py --coverage      # how often the stated error holds
    python benchmarks/spectra.py --end-to-end    # density of a 32-block residual MLP
    python benchmarks/spectra.py --depth         # 100 against 1,000 blocks

One thread, processor time. One f+b is a forward and a backward with all weight gradients of the
same model on the full batch; it is measured between any two runs, and ratios are medians. The
reference is a Golub-Kahan run of 40 pairs of products from another start. The forward that makes
the graph is not counted (about 0.3 f+b on the full batch).
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from plusone.distributions import wasserstein
from plusone.probe.block_spectra import BlockPlaces, block_spectra
from plusone.probe.chain import extrapolated_largest, ritz_largest
from plusone.probe.endtoend import (
    DensityConfig,
    SingularDensity,
    end_to_end_density,
)
from plusone.probe.golub_kahan import Bidiagonalisation, random_start
from plusone.probe.operator import Place
from plusone.probe.operator_algebra import IdentityPlus, Operator
from plusone.probe.spectrum import JacobianSpectrum
from probe.spectra.families import Miss, density_misses, spectrum_misses

import support.torchvision_cpu  # noqa: F401

Blocks = list[BlockPlaces]


@dataclass(frozen=True)
class Subject:
    """A model with a batch, and a function that places its blocks for a part of the batch."""

    name: str
    model: nn.Module
    inputs: Tensor
    blocks: Callable[[Tensor], Blocks]
    sizes: tuple[int, ...]

    def output(self, x: Tensor) -> Tensor:
        y = self.model(x)
        return y if isinstance(y, Tensor) else y.logits


class Basic(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.skip = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.sum = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.sum(self.branch(x) + self.skip(x)))


class ResNet20(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16))
        widths = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
        pairs = itertools.pairwise(widths)
        self.blocks = nn.Sequential(*(Basic(a, b, 1 if a == b else 2) for a, b in pairs))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(torch.relu(self.stem(x))).mean((2, 3)))


class Watch:
    """Forward hooks that note where blocks begin, branch and join."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.found: list[dict[str, object]] = []
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def block(
        self, start: nn.Module, branch: nn.Module, join: nn.Module, *, identity: bool, after: bool
    ) -> None:
        """`join`'s output (or its input, with `after`) is the sum of the skip and the branch."""
        notes: dict[str, object] = {"identity": identity}
        self._handles += [
            start.register_forward_pre_hook(lambda m, a: notes.update(source=Place.of(a[0]))),
            branch.register_forward_hook(lambda m, a, y: notes.update(branch=Place.of(y))),
        ]

        def close(y: Tensor) -> None:
            self.found.append({**notes, "output": Place.of(y)})

        self._handles.append(
            join.register_forward_pre_hook(lambda m, a: close(a[0]))
            if after
            else join.register_forward_hook(
                lambda m, a, y: close(y[0] if isinstance(y, tuple) else y)
            )
        )

    def places(self, anchor: Tensor) -> Blocks:
        for handle in self._handles:
            handle.remove()
        return [
            BlockPlaces(
                source=n["source"],
                branch=n["branch"],
                output=n["output"],
                batch=self.batch,
                join="identity" if n["identity"] else "other",
                anchor=anchor,
            )
            for n in self.found
        ]


def linearised(model: nn.Module, x: Tensor, watch: Watch) -> Blocks:
    gradients = [p.requires_grad for p in model.parameters()]
    model.requires_grad_(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            if x.is_floating_point():
                y = model(x.clone().requires_grad_())
            else:
                embedded = model.get_input_embeddings()(x).detach().requires_grad_()
                y = model(inputs_embeds=embedded).logits
    finally:
        for p, flag in zip(model.parameters(), gradients, strict=True):
            p.requires_grad_(flag)
    return watch.places(y)


def resnet20() -> Subject:
    torch.manual_seed(0)
    model = _with_statistics(ResNet20(), torch.randn(64, 3, 32, 32))

    def blocks(x: Tensor) -> Blocks:
        watch = Watch(len(x))
        for block in model.blocks:
            plain = isinstance(block.skip, nn.Identity)
            watch.block(block, block.branch, block.sum, identity=plain, after=False)
        return linearised(model, x, watch)

    return Subject("ResNet-20 b8 32x32", model, torch.randn(8, 3, 32, 32), blocks, (8, 2))


def resnet50() -> Subject:
    import timm
    from timm.models.resnet import Bottleneck

    torch.manual_seed(0)
    # With timm's zero-initialised last norms every branch would be 0 and known after one product.
    model = timm.create_model("resnet50", zero_init_last=False)
    model = _with_statistics(model, torch.randn(16, 3, 64, 64))

    def blocks(x: Tensor) -> Blocks:
        watch = Watch(len(x))
        for block in model.modules():
            if isinstance(block, Bottleneck):
                plain = block.downsample is None
                watch.block(block, block.bn3, block.act3, identity=plain, after=True)
        return linearised(model, x, watch)

    return Subject("ResNet-50 b4 64x64", model, torch.randn(4, 3, 64, 64), blocks, (4, 2))


def gpt2() -> Subject:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=12,
        n_embd=192,
        n_head=6,
        vocab_size=1000,
        n_positions=64,
        bos_token_id=None,
        eos_token_id=None,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
    )
    model = GPT2LMHeadModel(config).eval()

    def blocks(x: Tensor) -> Blocks:
        watch = Watch(len(x))
        for layer in model.transformer.h:
            watch.block(layer.ln_1, layer.attn.c_proj, layer.ln_2, identity=True, after=True)
            watch.block(layer.ln_2, layer.mlp, layer, identity=True, after=False)
        return linearised(model, x, watch)

    return Subject("GPT-2 12x192 T32 b2", model, torch.randint(0, 1000, (2, 32)), blocks, (2, 1))


SUBJECTS = (resnet20, resnet50, gpt2)


def _with_statistics(model: nn.Module, x: Tensor) -> nn.Module:
    with torch.no_grad():
        model.train()(x)
    return model.eval()


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def forward_backward(subject: Subject) -> float:
    def run() -> None:
        subject.output(subject.inputs).float().square().mean().backward()
        subject.model.zero_grad(set_to_none=True)

    return min(seconds(run) for _ in range(3))


def ratio(subject: Subject, function: Callable[[], object], repeats: int = 5) -> float:
    function()
    return statistics.median(seconds(function) / forward_backward(subject) for _ in range(repeats))


def operators(blocks: Blocks) -> Iterator[tuple[str, Operator]]:
    """F of each block, and I + F or the whole block's Jacobian."""
    for places in blocks:
        with places.operator(places.branch) as branch:
            yield "F", branch
            if places.join == "identity":
                yield "I+F", IdentityPlus(branch)
        if places.join != "identity":
            with places.operator(places.output) as whole:
                yield "block", whole


def run_chain(operator: Operator, seed: int, num_bonds: int) -> list[list[float]]:
    start = random_start(operator, generator=torch.Generator().manual_seed(seed))
    recurrence = Bidiagonalisation(operator, start_BN=start)
    while recurrence.num_bonds < num_bonds and not recurrence.is_finished:
        recurrence.step()
    return recurrence.bonds


def sweeps(subject: Subject, blocks: Blocks) -> tuple[float, float, float]:
    """Set-up, JVP and VJP sweeps over all branches, in f+b."""
    ops = [p.operator(p.branch) for p in blocks]
    v = [torch.randn(o.num_samples, o.num_inputs) for o in ops]
    u = [torch.randn(o.num_samples, o.num_outputs) for o in ops]

    def build() -> None:
        for o in ops:
            o.close()
            o._build(slimmed=True)

    built = ratio(subject, build)
    forward = ratio(subject, lambda: [o.matvec(x) for o, x in zip(ops, v, strict=True)])
    backward = ratio(subject, lambda: [o.rmatvec(x) for o, x in zip(ops, u, strict=True)])
    return built, forward, backward


def measured(blocks: Blocks, seed: int) -> list[JacobianSpectrum]:
    """F and whole-block spectra in the order of `operators`."""
    found: list[JacobianSpectrum] = []
    for places in blocks:
        spectra = block_spectra(places, generator=torch.Generator().manual_seed(seed))
        for part in (spectra.branch, spectra.block):
            assert isinstance(part, JacobianSpectrum), part
            found.append(part)
    return found


def report_cost(make: Callable[[], Subject]) -> None:
    subject = make()
    print(f"\n{subject.name}: f+b {1e3 * forward_backward(subject):.0f} ms")
    for size in subject.sizes:
        blocks = subject.blocks(subject.inputs[:size])
        build, forward, backward = sweeps(subject, blocks)
        total = ratio(subject, lambda b=blocks: measured(b, 0))
        exact = [
            statistics.mean(ritz_largest(b) for b in run_chain(operator, 99, 80))
            for _, operator in operators(blocks)
        ]
        errors, stated, products, unconverged = [], [], [], 0
        for seed in range(3):
            for s, top in zip(measured(blocks, seed), exact, strict=True):
                errors.append(abs(s.spectral_norm.value / top - 1))
                stated.append(s.spectral_norm.error / s.spectral_norm.value)
                products.append(s.num_products)
                unconverged += not s.converged
        print(
            f"  {size} samples: set-up {build:.2f}, JVP sweep {forward:.2f}, VJP sweep "
            f"{backward:.2f}; F and block of {len(blocks)} blocks: TOTAL {total:.2f} f+b, "
            f"{statistics.mean(products):.1f} products each\n"
            f"    spectral norm off by {statistics.mean(errors):.2%} on average, "
            f"{max(errors):.2%} at worst (stated {statistics.mean(stated):.2%}, "
            f"{max(stated):.2%}); {unconverged} of {len(errors)} not converged",
            flush=True,
        )


def report_coverage() -> None:
    """For single samples, after 6, 7, 8 and 10 products: |error| against the stated error."""
    rows: dict[int, list[tuple[float, float, float]]] = {m: [] for m in (6, 7, 8, 10)}
    for make in SUBJECTS:
        subject = make()
        for _, operator in operators(subject.blocks(subject.inputs[:2])):
            exact = [ritz_largest(b) for b in run_chain(operator, 99, 60)]
            bonds = run_chain(operator, 5, 10)
            for chain, top in zip(bonds, exact, strict=True):
                for m, row in rows.items():
                    row.append(_stated(chain, m, top, operator.num_inputs))
    print("products  within stated  within twice  mean error  worst error  Ritz mean error")
    for m, row in rows.items():
        n = len(row)
        within = [sum(miss <= c * error for miss, error, _ in row) / n for c in (1, 2)]
        misses = [miss for miss, _, _ in row]
        ritz = statistics.mean(r for _, _, r in row)
        print(
            f"{m:8d}  {within[0]:13.1%}  {within[1]:12.1%}  {statistics.mean(misses):10.2%}"
            f"  {max(misses):11.2%}  {ritz:15.2%}   ({n} chains)"
        )


def report_families() -> None:
    """Random matrices of fifteen families: how often each stated error holds, and its size."""
    for widths, repeats in (((20, 40, 80), 20), ((200,), 20), ((500,), 4)):
        runs = (spectrum_misses(n, repeats=repeats) for n in widths)
        print_misses(f"spectra, {widths} wide", itertools.chain(*runs))
    for samples in (1, 2, 8):
        runs = (density_misses(n, repeats=6, samples=samples) for n in (20, 60, 200))
        print_misses(f"density, {samples} samples, 20 to 200 wide", itertools.chain(*runs))


def print_misses(name: str, misses: Iterator[Miss]) -> None:
    rows: dict[str, list[Miss]] = {}
    for miss in misses:
        rows.setdefault(miss.quantity, []).append(miss)
    print(f"\n{name}: within once and twice the stated error")
    for quantity, some in rows.items():
        once, twice = (sum(m.within(k) for m in some) / len(some) for k in (1, 2))
        off, stated = (statistics.mean(getattr(m, f) for m in some) for f in ("distance", "stated"))
        print(
            f"  {quantity:15s} {once:6.1%} {twice:6.1%}   off {off:6.2%} on average, stated "
            f"{stated:6.2%}   ({len(some)} cases)",
            flush=True,
        )


def _stated(chain: list[float], m: int, top: float, width: int) -> tuple[float, float, float]:
    recent = [extrapolated_largest(chain[:k]) for k in (m - 2, m - 1, m)]
    ritz = ritz_largest(chain[:m])
    share = min(1.0, 0.45 + 4 / math.sqrt(width))
    error = max(share * (recent[-1] - ritz), 0.5 * (max(recent) - min(recent)))
    return abs(recent[-1] / top - 1), error / top, 1 - ritz / top


class ResidualMLP(nn.Module):
    def __init__(self, depth: int, width: int, scale: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width)]) for _ in range(depth)
        )
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        for first, second in self.layers:
            x = x + self.scale * second(torch.relu(first(x)))
        return x


def report_end_to_end() -> None:
    for scale in (1.0, 3.0):
        torch.manual_seed(0)
        model = ResidualMLP(32, 512, scale)
        inputs = torch.randn(8, 512)
        subject = Subject("", model, inputs, lambda x: [], (8,))
        J = torch.stack([torch.func.jacrev(model)(x).detach() for x in inputs])
        exact = torch.linalg.svdvals(J.double())
        model.requires_grad_(False)
        x = inputs.clone().requires_grad_() * 1
        places = Place.of(x), Place.of(model(x))
        model.requires_grad_(True)
        print(
            f"\nresidual MLP 32 x 512, batch 8, branch scale {scale}: singular values "
            f"{exact.min():.3g} ... median {exact.median():.3g} ... {exact.max():.3g}"
        )
        for steps in (3, 4, 6, 8, 10):
            print(end_to_end_row(places, steps, subject, exact), flush=True)
        print(f"  default: {run_default(places)}")


def end_to_end_row(places: tuple[Place, Place], steps: int, subject: Subject, exact: Tensor) -> str:
    """Cost and errors of `steps` pairs of products, over five seeds."""
    config = DensityConfig(max_steps=steps, tolerance=0.0)

    def run(seed: int = 0) -> SingularDensity:
        found = end_to_end_density(
            places[0],
            target=places[1],
            batch=8,
            generator=torch.Generator().manual_seed(seed),
            config=config,
        )
        assert isinstance(found, SingularDensity)
        return found

    nodes = exact.flatten().numpy()
    rule = nodes, np.full(len(nodes), 1 / len(nodes))
    cost = ratio(subject, run)
    found = [run(seed) for seed in range(5)]
    distances = [wasserstein((np.array(f.nodes), np.array(f.weights)), rule) for f in found]
    mean, worst = statistics.mean(distances), max(distances)
    largest = statistics.mean(f.max.value for f in found) / float(exact[:, 0].mean()) - 1
    middle = statistics.mean(f.median.value for f in found)
    middle = middle / float(exact.median(1).values.mean()) - 1
    return (
        f"  {steps:2d} steps {cost:5.2f} f+b: W1 / max {mean / nodes.max():.2%} (worst "
        f"{worst / nodes.max():.2%}, stated {found[0].distance_error:.2%}), "
        f"W1 / mean {mean / nodes.mean():.2%}; max off {largest:+.2%}, median off {middle:+.2%}, "
        f"min {found[0].min.value:.3g} (true {exact[:, -1].mean():.3g})"
    )


def run_default(places: tuple[Place, Place]) -> str:
    found = end_to_end_density(
        places[0], target=places[1], batch=8, generator=torch.Generator().manual_seed(0)
    )
    return f"{found.num_products} products, error {found.distance_error:.2%}, {found.converged}"


def report_depth() -> None:
    """The same small block 100 and 1,000 times: bookkeeping must not grow with depth."""
    times = {}
    for depth in (100, 1000, 100, 1000):
        model = ResidualMLP(depth, 32, 1.0).requires_grad_(False)
        x = torch.randn(2, 32).requires_grad_() * 1
        joints = [Place.of(x)]
        branches = []
        for first, second in model.layers:
            f = second(torch.relu(first(x)))
            x = x + f
            branches.append(Place.of(f))
            joints.append(Place.of(x))
        blocks = [
            BlockPlaces(source=a, branch=f, output=y, batch=2, join="identity", anchor=x)
            for a, f, y in zip(joints, branches, joints[1:], strict=False)
        ]
        times[depth] = seconds(lambda b=blocks: measured(b, 0))
    print(f"1,000 blocks cost {times[1000] / times[100]:.1f} times 100 blocks ({times})")


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("coverage", "end-to-end", "depth"):
        parser.add_argument(f"--{name}", action="store_true")
    arguments = parser.parse_args()
    if arguments.coverage:
        report_families()
        report_coverage()
    elif arguments.end_to_end:
        report_end_to_end()
    elif arguments.depth:
        report_depth()
    else:
        for make in SUBJECTS:
            report_cost(make)


if __name__ == "__main__":
    main()
