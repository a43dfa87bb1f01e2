"""The assertion passes doubly stochastic matrices and names what is wrong with others."""

import pytest
import torch

from plusone.nn.streams import sinkhorn
from plusone.testing.doubly_stochastic import assert_doubly_stochastic


def test_permutations_and_their_mean_pass_exactly():
    swap = torch.eye(3)[[1, 0, 2]]
    assert_doubly_stochastic(swap, atol=0)
    assert_doubly_stochastic(torch.stack([swap, (swap + torch.eye(3)) / 2]), atol=0)


def test_rows_without_columns_fail():
    matrix = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    with pytest.raises(AssertionError, match="A column is off the sum 1 by 0.7"):
        assert_doubly_stochastic(matrix)
    with pytest.raises(AssertionError, match="A row is off the sum 1 by 0.7"):
        assert_doubly_stochastic(matrix.T)


def test_right_sums_with_a_negative_element_fail():
    with pytest.raises(AssertionError, match="negative: -0.5"):
        assert_doubly_stochastic(torch.tensor([[1.5, -0.5], [-0.5, 1.5]]))


def test_one_bad_matrix_among_many_fails():
    matrices = torch.eye(2).repeat(5, 1, 1)
    matrices[3, 0, 0] = 1.01
    with pytest.raises(AssertionError, match="off the sum 1 by 0.01"):
        assert_doubly_stochastic(matrices)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.full((2, 2), torch.nan), "not finite"),
        (torch.ones(2, 3), "square"),
        (torch.ones(2), "matrix is needed"),
        (torch.ones(0, 2, 2), "no matrix"),
    ],
)
def test_what_is_no_matrix_of_numbers_fails(matrix, message):
    with pytest.raises(AssertionError, match=message):
        assert_doubly_stochastic(matrix)


def test_one_round_of_sinkhorn_is_not_enough():
    logits = torch.randn(8, 4, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(AssertionError, match="A column"):
        assert_doubly_stochastic(sinkhorn(logits, rounds=1))
