"""GCNII's initial residual: its equation, its limits, and nodes that stay apart over 64 layers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn import InitialResidual

NODES, CHANNELS = 20, 8


class Propagation(nn.Module):
    """P H with the normalised adjacency of a random graph, D^-1/2 (A + I) D^-1/2."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        adjacency = (torch.rand(NODES, NODES, generator=generator) < 0.15).double().triu(1)
        path = torch.diag(torch.ones(NODES - 1), 1).double()  # connected whatever was drawn
        adjacency = torch.maximum(adjacency, path)
        whole = adjacency + adjacency.T + torch.eye(NODES)
        root = whole.sum(1).rsqrt()
        self.register_buffer("matrix", root[:, None] * whole * root)

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix @ x


def energy(h: Tensor, propagation: Propagation) -> float:
    """Dirichlet energy tr(H' (I - P) H) of rows of unit size."""
    h = h / h.norm()
    return float((h * (h - propagation(h))).sum())


@pytest.mark.parametrize(("layer", "alpha", "strength"), [(1, 0.1, 0.5), (7, 0.2, 1.5)])
def test_it_is_equation_5(layer: int, alpha: float, strength: float) -> None:
    block = InitialResidual(
        Propagation(), CHANNELS, layer=layer, alpha=alpha, strength=strength
    ).double()
    h, initial = torch.randn(2, NODES, CHANNELS, dtype=torch.float64)
    beta = math.log(strength / layer + 1)
    mixed = (1 - alpha) * block.propagate.matrix @ h + alpha * initial
    weight = (1 - beta) * torch.eye(CHANNELS).double() + beta * block.linear.weight.T
    torch.testing.assert_close(block(h, initial), mixed @ weight, rtol=0, atol=1e-13)


def test_without_both_parts_it_is_propagation_alone() -> None:
    block = InitialResidual(Propagation(), CHANNELS, layer=3, alpha=0, strength=0).double()
    h, initial = torch.randn(2, NODES, CHANNELS, dtype=torch.float64)
    torch.testing.assert_close(block(h, initial), block.propagate(h), rtol=0, atol=0)


def test_over_64_layers_nodes_stay_apart_where_propagation_levels_them() -> None:
    propagation = Propagation()
    initial = torch.randn(NODES, CHANNELS, dtype=torch.float64)
    layers = [InitialResidual(propagation, CHANNELS, layer=n + 1).double() for n in range(64)]
    plain, kept = initial, initial
    with torch.no_grad():
        for layer in layers:
            kept = layer(kept, initial)
            plain = propagation(plain) @ layer.linear.weight.T * 3**0.5  # of variance 1/n
    assert energy(plain, propagation) < 1e-3 * energy(initial, propagation)
    assert energy(kept, propagation) > 0.03 * energy(initial, propagation)


def test_pyg_gives_the_same_with_the_same_weights() -> None:
    """PyG's GCN2Conv with dense weights, its own normalisation of the same edges."""
    geometric = pytest.importorskip("torch_geometric.nn", reason="it comes with the extra 'zoo'")
    propagation = Propagation()
    theirs = geometric.GCN2Conv(CHANNELS, alpha=0.1, theta=0.5, layer=4).double()
    edges = (propagation.matrix - torch.diag(propagation.matrix.diagonal())).nonzero().T
    ours = InitialResidual(propagation, CHANNELS, layer=4, alpha=0.1, strength=0.5).double()
    with torch.no_grad():
        ours.linear.weight.copy_(theirs.weight1.T)
    h, initial = torch.randn(2, NODES, CHANNELS, dtype=torch.float64)
    torch.testing.assert_close(ours(h, initial), theirs(h, initial, edges), rtol=0, atol=1e-12)


def test_edges_go_to_the_propagation() -> None:
    class Edges(nn.Module):
        def forward(self, x: Tensor, edges: Tensor, *, sign: int) -> Tensor:
            return sign * (edges @ x)

    block = InitialResidual(Edges(), CHANNELS, layer=1, alpha=0, strength=0)
    h, edges = torch.randn(NODES, CHANNELS), torch.randn(NODES, NODES)
    torch.testing.assert_close(block(h, h, edges, sign=-1), -edges @ h)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 0}, "layer is 0; it must be a whole number"),
        ({"layer": 1, "alpha": 1.5}, "alpha is 1.5; it must lie between 0 and 1"),
        ({"layer": 1, "strength": -1}, "strength is -1; it must lie between 0 and inf"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        InitialResidual(nn.Identity(), CHANNELS, **options)  # type: ignore[arg-type]
