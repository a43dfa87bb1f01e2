"""The contract passes a plain block, and each of its tests fails a block that breaks it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from plusone.testing import ResidualContract


class Block(nn.Module):
    """x + alpha f(x), with whatever fault is asked for."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.alpha = nn.Parameter(torch.zeros(()))
        self.unused = nn.Parameter(torch.ones(6)) if fault == "unused" else None
        self.fault = fault
        self.kept = torch.eye(6)
        self.start = torch.zeros(6)
        if fault == "lost state":
            self.start = torch.randn(6)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.linear(x)
        if self.fault == "shape":
            return branch[:, :3]
        if self.fault == "cut":
            return self.alpha * self.linear(x.detach()) + x.detach()
        if self.fault == "open":
            return x + branch
        if self.fault == "float32":
            branch = branch.float().to(torch.float32)
            return x.float() + self.alpha.float() * branch
        if self.fault == "coarse":
            exact = x if x.dtype == torch.float64 else x.bfloat16().to(x.dtype)
            return exact + self.alpha * branch
        if self.fault == "device":
            return x @ self.kept.to(x.dtype) + self.alpha * branch
        if self.fault == "lost state":
            return x + self.start.to(x.dtype) + self.alpha * branch
        if self.fault == "graph break" and float(x.sum()) > 1e9:
            return x
        return x + self.alpha * branch


class Plain(ResidualContract):
    """The contract of `Block`, run by hand below."""

    is_identity_at_init = True
    fault = ""

    def build(self) -> nn.Module:
        return Block(self.fault)

    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(8, 6),)


class TestPlainBlock(Plain):
    """Every test of the contract passes."""


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        ("shape", "the_output_has_the_promised_shape_and_type", r"has shape \(8, 3\), not \(8, 6"),
        ("cut", "the_gradient_reaches_the_input_and_every_parameter_in_use", "No gradient reaches"),
        ("open", "it_is_the_identity_at_initialisation_where_promised", "is not the identity"),
        ("unused", "every_parameter_matters", "no gradient after .* at unused"),
        ("frozen", "it_trains", "no parameter that requires a gradient"),
        ("coarse", "float64_gives_the_same_with_more_digits", "float32 against float64"),
        ("float32", "bfloat16_stays_bfloat16_and_near", "the output is of torch.float32"),
        ("device", "nothing_is_read_from_another_device", "on cpu, while the module"),
        ("shared", "a_deep_copy_gives_the_same_and_shares_nothing", "shares parameters"),
        ("lost state", "the_state_dict_carries_everything", "after load_state_dict"),
        ("graph break", "it_compiles_without_a_graph_break", "(?i)data-dependent|item"),
        ("graph break", "it_exports", "(?i)data-dependent|item"),
    ],
)
def test_each_test_of_the_contract_fails_a_block_that_breaks_it(
    fault: str, test: str, message: str
) -> None:
    contract = Broken()
    contract.fault = fault
    with pytest.raises(Exception, match=message):
        getattr(contract, f"test_{test}")()


class Broken(Plain):
    """`Plain`, with the faults that are not in the block's forward."""

    def build(self) -> nn.Module:
        if self.fault == "shared":
            return Sharing()
        block = Block(self.fault)
        return block.requires_grad_(False) if self.fault == "frozen" else block


class Sharing(Block):
    """A block whose copy is itself."""

    def __deepcopy__(self, memo: dict[int, object]) -> Sharing:
        return self


def test_a_contract_without_a_block_says_what_to_give() -> None:
    with pytest.raises(NotImplementedError, match="Return the block that is to be tested"):
        ResidualContract().build()


def test_identity_is_only_asked_where_promised() -> None:
    class Promising(Plain):
        is_identity_at_init = False

    with pytest.raises(BaseException, match="promises no identity"):
        Promising().test_it_is_the_identity_at_initialisation_where_promised()
