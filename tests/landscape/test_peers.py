"""The same numbers from PyHessian and curvlinops, on the same nets."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from scipy.sparse.linalg import eigsh
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.nets import CASES, Case
from plusone.landscape import EigenConfig, TraceConfig, terrain, top_eigenvalues, trace

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
