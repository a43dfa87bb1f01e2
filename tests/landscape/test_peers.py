"""The same numbers from PyHessian and curvlinops, on the same nets."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace, lanczos_approximate_spectrum
from scipy.sparse.linalg import eigsh
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.nets import CASES, Case
from plusone.distributions import wasserstein
from plusone.landscape import (
    DensityConfig,
    EigenConfig,
    TraceConfig,
    spectral_density,
    terrain,
    top_eigenvalues,
    trace,
)

NAMES = ["mlp", "attention", "residual_conv"]


def curvlinops_hessian(case: Case) -> HessianLinearOperator:
    parameters = [p for p in case.model.parameters() if p.requires_grad]
    data = [(case.x, case.y)]
    loss = torch.nn.CrossEntropyLoss()
    return HessianLinearOperator(
        case.model.eval(), loss, parameters, data, check_deterministic=False
    )


@pytest.mark.parametrize("name", NAMES)
def test_products_are_those_of_curvlinops(name: str) -> None:
    case = CASES[name]()
    with sdpa_kernel(SDPBackend.MATH):
        theirs = curvlinops_hessian(case)
        v = torch.randn(theirs.shape[1], dtype=torch.float64)
        expected = theirs @ v
    with terrain(*case.batch, statistics="running") as here, here.hessian() as H:
        torch.testing.assert_close(H @ v, expected.detach(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_eigenvalues_are_those_of_eigsh_on_curvlinops(name: str) -> None:
    case = CASES[name]()
    with sdpa_kernel(SDPBackend.MATH):
        low, high = eigsh(curvlinops_hessian(case).to_scipy(), k=2, which="BE", tol=1e-6)[0]
    with terrain(*case.batch, statistics="running") as here, here.hessian() as H:
        found = top_eigenvalues(H, config=EigenConfig(tol=1e-5, max_steps=H.size))
    assert found.largest[0].value == pytest.approx(high, rel=1e-5)
    assert found.smallest[0].value == pytest.approx(low, rel=1e-4)


@pytest.mark.parametrize("name", ["mlp", "residual_conv"])
def test_the_largest_eigenvalue_is_that_of_pyhessian(name: str) -> None:
    from pyhessian import hessian

    case = CASES[name](torch.float32)
    with warnings.catch_warnings():
        # Its loss.backward(create_graph=True) leaks, as torch says.
        warnings.filterwarnings("ignore", message="Using backward.. with create_graph=True")
        theirs = hessian(
            case.model.eval(), torch.nn.CrossEntropyLoss(), data=(case.x, case.y), cuda=False
        )
    (largest, *_), _ = theirs.eigenvalues(maxIter=500, tol=1e-6)
    case.model.zero_grad(set_to_none=True)
    with terrain(*case.batch, statistics="running") as here, here.hessian() as H:
        found = top_eigenvalues(H, config=EigenConfig(ends="largest", tol=1e-5))
    assert found.largest[0].value == pytest.approx(largest, rel=2e-3)


def test_the_trace_is_that_of_curvlinops_within_both_errors() -> None:
    case = CASES["mlp"]()
    theirs = [float(hutchinson_trace(curvlinops_hessian(case), 1)) for _ in range(60)]
    samples = torch.tensor(theirs)
    with terrain(*case.batch) as here, here.hessian() as H:
        found = trace(H, config=TraceConfig(tol=0.3, max_probes=500))
    stderr = math.hypot(found.stderr, float(samples.std()) / math.sqrt(len(samples)))
    assert abs(found.value - float(samples.mean())) <= 4 * stderr


@pytest.mark.parametrize("name", ["mlp", pytest.param("residual_conv", marks=pytest.mark.slow)])
def test_the_density_is_that_of_curvlinops_within_both_errors(name: str) -> None:
    """The same kernel on the same grid, from as many starts; each with others."""
    num_steps, num_probes, kappa, margin = 30, 4, 3.0, 0.05
    case = CASES[name]()
    torch.manual_seed(1)
    with terrain(*case.batch, statistics="running") as here, here.hessian() as H:
        values = np.linalg.eigvalsh((H @ torch.eye(H.size, dtype=torch.float64)).numpy())
        theirs_at, theirs = lanczos_approximate_spectrum(
            curvlinops_hessian(case),
            num_steps,
            num_repeats=num_probes,
            kappa=kappa,
            boundaries=(float(values[0]), float(values[-1])),
            margin=margin,
        )
        half = (1 + 2 * margin) * (values[-1] - values[0]) / 2
        broadening = half * 2 / (num_steps - 1) / math.sqrt(8 * math.log(kappa))
        config = DensityConfig(num_steps=num_steps, num_probes=num_probes, broadening=broadening)
        assert num_steps * num_probes < H.size  # not the exact one
        ours = spectral_density(H, config=config)
    at, expected = theirs_at.numpy(), theirs.numpy()
    z = (at[:, None] - np.array(ours.nodes)) / broadening
    found = np.exp(-0.5 * z**2) @ ours.weights / (broadening * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(
        np.interp(ours.grid, at, found), ours.density, atol=2e-3 * found.max()
    )
    stderr = np.interp(at, ours.grid, ours.stderr)
    assert (np.abs(found - expected) <= 5 * stderr + 1e-4 * found.max()).all()
    # And as one number: the area between the two, of a total of 1 under each.
    assert np.trapezoid(np.abs(found - expected), at) < 0.1
    exact = np.exp(-0.5 * ((at[:, None] - values) / broadening) ** 2).mean(1)
    exact /= broadening * math.sqrt(2 * math.pi)
    assert np.trapezoid(np.abs(found - exact), at) < 0.1


def test_the_density_is_that_of_pyhessian_by_its_quantities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Moments of the nodes with their weights; the ends agree with ours to 0.1 %."""
    from pyhessian import hessian

    def eig(matrix: torch.Tensor, *, eigenvectors: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """What torch.eig, which is gone, gave."""
        values, vectors = torch.linalg.eigh(matrix)
        return torch.stack([values, torch.zeros_like(values)], 1), vectors

    monkeypatch.setattr(torch, "eig", eig, raising=False)
    case = CASES["mlp"](torch.float32)
    torch.manual_seed(2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using backward.. with create_graph=True")
        theirs = hessian(
            case.model.eval(), torch.nn.CrossEntropyLoss(), data=(case.x, case.y), cuda=False
        )
    nodes, weights = (np.array(a, float) for a in theirs.density(iter=30, n_v=8))
    case.model.zero_grad(set_to_none=True)
    with terrain(*case.batch) as here, here.hessian() as H:
        assert H.size > 30 * 8
        ours = spectral_density(H, config=DensityConfig(num_steps=30, num_probes=8))
    assert ours.nodes[-1] == pytest.approx(nodes.max(), rel=1e-3)
    assert ours.nodes[0] == pytest.approx(nodes.min(), rel=1e-3)
    pooled = (nodes.ravel(), weights.ravel() / weights.sum())
    distance = wasserstein((np.array(ours.nodes), np.array(ours.weights)), pooled)
    assert distance / (ours.nodes[-1] - ours.nodes[0]) <= 3 * ours.distance_error
