"""Where a recorded value sits in autograd's graph: the link from a trace to its backward."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.autograd.graph import GradientEdge, Node

from plusone.capture.eager import Recording
from plusone.capture.trace import ValueRef


class EdgeFinder:
    """Finds the position in the autograd graph of a value of a trace.

    Autograd numbers its nodes; the recorder noted the number current at each operation. A node
    counts as the operation's only if no earlier operation (or input) noted the same number and if
    its result has the recorded shape, so that an operation outside autograd (integers, no_grad)
    cannot borrow a node of its neighbour.
    """

    def __init__(self, recording: Recording, roots: Iterable[torch.Tensor]) -> None:
        trace = self.trace = recording.trace
        self._inputs = recording.input_edges
        self._nodes: dict[int, Node] = {}
        self._behind_copy: set[int] = set()
        self._owner = {e.node._sequence_nr(): n for n, e in self._inputs.items()}
        for number, op in enumerate(trace.ops):
            if op.sequence < 0:
                continue
            owner = self._owner.setdefault(op.sequence, number)
            # Autograd copies what an operation that needs its operand (silu_) writes over. The
            # node of the operation comes first, and the copy's, which nothing reads, behind it.
            if op.writes and owner == number - 1 and trace.ops[owner].name == "clone":
                self._behind_copy.add(number)
                self._owner.setdefault(op.sequence - 1, number)
        self._above: dict[Node, list[Node]] = {}  # each node, and those that send it a gradient
        self._collect(root.grad_fn for root in roots)

    def edge(self, value: ValueRef) -> GradientEdge | None:
        """The position of `value`, or None where autograd does not see it."""
        number, out = value
        if number in self._inputs:
            return self._inputs[number]
        op = self.trace.ops[number]
        sequence = op.sequence - (number in self._behind_copy)
        node = self._nodes.get(sequence)
        if node is None or out < 0 or self._owner.get(sequence) != number:
            return None
        metadata = getattr(node, "_input_metadata", None)
        if metadata is not None and (
            out >= len(metadata) or tuple(metadata[out].shape) != op.shapes[out]
        ):
            return None
        return GradientEdge(node, out)

    def reaches(self, tensor: torch.Tensor) -> bool:
        """Whether the roots depend on `tensor`, which some operation made."""
        node = tensor.grad_fn
        return node is not None and self._nodes.get(node._sequence_nr()) is node

    def lead_to(self, tensors: Iterable[torch.Tensor], values: Iterable[ValueRef]) -> bool:
        """Whether autograd sees all of `values`, and from each a way down to one of `tensors`.

        Then a backward for `tensors` alone passes them all, with the whole of their gradients.
        """
        leaves = {id(t) for t in tensors}
        stack = [n for n in self._above if id(getattr(n, "variable", None)) in leaves]
        leading = set(stack)
        while stack:
            for node in self._above[stack.pop()]:
                if node not in leading:
                    leading.add(node)
                    stack.append(node)
        edges = [self.edge(value) for value in values]
        return all(edge is not None and edge.node in leading for edge in edges)

    def _collect(self, roots: Iterable[Node | None]) -> None:
        stack = [node for node in roots if node is not None]
        above = self._above = {node: [] for node in stack}
        while stack:
            node = stack.pop()
            self._nodes[node._sequence_nr()] = node
            for below, _ in node.next_functions:
                if below is None:
                    continue
                if below not in above:
                    above[below] = []
                    stack.append(below)
                above[below].append(node)
