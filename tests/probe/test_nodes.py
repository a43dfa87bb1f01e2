"""Which inputs are a graph, and which of its nodes are compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import rustworkx
import torch
from torch import Tensor, nn

import plusone
from plusone.nn.models import GraphNet, normalized_adjacency
from plusone.probe.moments import moments
from plusone.probe.nodes import Nodes, largest_component, nodes_in

X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
RING = torch.stack((torch.arange(40), torch.arange(40).roll(1)))


def test_the_largest_component_is_that_of_rustworkx() -> None:
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        edges = torch.randint(60, (2, 35), generator=generator)
        graph = rustworkx.PyGraph()
        graph.add_nodes_from(range(60))
        graph.add_edges_from_no_data([(int(a), int(b)) for a, b in edges.T])
        components = rustworkx.connected_components(graph)
        found = set(largest_component(edges, 60).tolist())
        assert found in components
        assert len(found) == max(map(len, components))


def test_a_long_path_is_one_component() -> None:
    path = torch.stack((torch.arange(999), torch.arange(1, 1000)))
    assert torch.equal(largest_component(path[:, torch.randperm(999)], 1000), torch.arange(1000))


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize(
    "form", ["edges", "dense", "coo", "csr", "rows normed", "kept", "kept coo"]
)
def test_a_graph_is_found_in_each_of_its_forms(form: str) -> None:
    adjacency = normalized_adjacency(RING, 40, sparse=True)
    given = {
        "edges": RING,
        "dense": adjacency.to_dense(),
        "coo": adjacency,
        "csr": adjacency.to_sparse_csr(),
        "rows normed": adjacency.to_dense() * torch.linspace(1, 2, 40)[:, None],
        "kept": adjacency.to_dense(),
        "kept coo": adjacency,
    }[form]
    is_kept = form.startswith("kept")
    found = nodes_in((X,), [given]) if is_kept else nodes_in((X, given))
    assert found is not None
    assert found.count == 40
    assert torch.equal(found.component, torch.arange(40))


def test_features_that_are_one_for_each_node_are_no_graph() -> None:
    names = torch.eye(40)
    assert nodes_in((names,)) is None
    for inputs in ((names, RING), (names, normalized_adjacency(RING, 40, sparse=True).to_dense())):
        found = nodes_in(inputs)
        assert found is not None
        assert torch.equal(found.component, torch.arange(40))


@pytest.mark.parametrize(
    "kept",
    [
        torch.eye(40),
        torch.ones(40, 40).tril(),
        torch.ones(40, 40),
        torch.randn(40, 40) @ torch.randn(40, 40).T,
        1j * normalized_adjacency(RING, 40, sparse=True).to_dense(),
        torch.arange(40),
    ],
)
def test_what_a_model_keeps_beside_is_no_graph(kept: Tensor) -> None:
    assert nodes_in((X,), [kept]) is None


@pytest.mark.parametrize(
    "inputs",
    [
        (X,),
        (normalized_adjacency(RING, 40, sparse=True).to_dense(),),
        (X, torch.randint(40, (40, 5))),
        (X, torch.randn(40, 40)),
        (torch.randint(100, (2, 30)),),
        (torch.randn(2, 3, 8, 8), torch.randint(100, (2, 30))),
        (X, torch.tensor([[0, 50], [1, 2]])),
        (X, torch.ones(40, 40).tril()),
    ],
)
def test_other_inputs_are_no_graph(inputs: tuple[Tensor, ...]) -> None:
    assert nodes_in(inputs) is None


def test_nodes_of_one_component_alone_are_compared() -> None:
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    x[:30] = x[0]
    nodes = Nodes(count=40, component=torch.arange(30))
    gram = moments(x, None, nodes).tokens
    assert gram is not None
    torch.testing.assert_close(gram, torch.ones_like(gram))


def test_tokens_are_found_where_they_come_before_the_samples() -> None:
    x = torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(2))
    gram = moments(x, 3).tokens
    u = nn.functional.normalize(x[:, 0].double(), dim=1)
    torch.testing.assert_close(gram, u @ u.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_nodes_that_come_with_a_matrix_are_over_smoothed_and_no_parallel_inputs(
    sparse: bool,
) -> None:
    torch.manual_seed(0)
    model = GraphNet(6, 3, num_layers=24).eval()
    edges = torch.cat((RING, torch.randint(40, (2, 80))), 1)
    inputs = (X, normalized_adjacency(edges, 40, sparse=sparse))
    report = plusone.scan(model, inputs, quick=True, timed=False)
    codes = [f.code for f in report.findings]
    assert "A302" in codes
    assert "A303" not in codes


class OnEdges(nn.Module):
    """An MLP on pairs of nodes, its messages added up at their target, with a bias and tanh."""

    def __init__(self, width: int, *, is_written: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2 * width, width), nn.Linear(width, width)
        self.bias, self.is_written = nn.Parameter(torch.randn(width)), is_written

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        pairs = torch.cat((x[target], x[source] - x[target]), 1)
        messages = self.second(torch.relu(self.first(pairs)))
        if self.is_written:
            added = torch.zeros_like(x)
            added.scatter_add_(0, target[:, None].expand_as(messages), messages)
        else:
            added = torch.zeros_like(x).index_add(0, target, messages)
        return torch.tanh(added + self.bias)


class Scored(nn.Module):
    """GATv2: messages times the softmax of a score that is nonlinear in both nodes; two heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(width, width), nn.Linear(width, width)
        self.score, self.bias = nn.Parameter(torch.randn(width // 2)), nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        left, right = self.left(x).view(len(x), 2, -1), self.right(x).view(len(x), 2, -1)
        pairs = left.index_select(0, source) + right.index_select(0, target)
        weights = (nn.functional.leaky_relu(pairs) * self.score).sum(-1).exp()
        total = torch.zeros(len(x), 2).index_add(0, target, weights)
        weights = weights / (total + 1e-16)[target]
        messages = left.index_select(0, source) * weights[:, :, None]
        added = torch.zeros_like(left).index_add(0, target, messages)
        return torch.relu(added.flatten(1) + self.bias)


class Messages(nn.Module):
    """Layers of one kind, and perhaps a head."""

    def __init__(self, layers: list[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.layers, self.head = nn.ModuleList(layers), head

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, edges)
        scores: Tensor = self.head(x)
        return scores


@pytest.mark.parametrize("head", [nn.Identity, lambda: nn.Linear(6, 3)])
@pytest.mark.parametrize(
    "layer",
    [lambda: OnEdges(6), lambda: OnEdges(6, is_written=True), lambda: Scored(6)],
    ids=["edges", "edges written", "scores"],
)
def test_a_block_that_ends_at_edges_compares_the_nodes_that_its_messages_make(
    layer: Callable[[], nn.Module], head: Callable[[], nn.Module]
) -> None:
    torch.manual_seed(0)
    model, x = Messages([layer() for _ in range(3)], head()), X[:30]
    edges = torch.cat((torch.arange(30).roll(1), torch.randint(30, (80,)))).view(1, -1)
    edges = torch.cat((edges, torch.cat((torch.arange(30), torch.randint(30, (80,)))).view(1, -1)))
    exact, h = [], x
    for part in model.layers:
        h = part(h, edges).detach()
        pairs = [
            float(nn.functional.cosine_similarity(a.double(), b.double(), dim=0))
            for a, b in itertools.combinations(h, 2)
        ]
        exact.append(sum(pairs) / len(pairs))
    report = plusone.scan(model, (x, edges), quick=True, timed=False)
    found = [float(b.token_similarity) for b in report.blocks]
    assert all(b.shape[0] == edges.shape[1] for b in report.blocks)
    assert found == pytest.approx(exact, rel=1e-5)
