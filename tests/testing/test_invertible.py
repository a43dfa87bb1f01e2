"""The assertion passes true inverses and finds wrong, lossy and cheating ones."""

import pytest
import torch
from torch import nn

from plusone.testing.invertible import assert_invertible


class Affine(nn.Module):
    def forward(self, x):
        return 2 * x + 1

    def inverse(self, y):
        return (y - 1) / 2


class WrongSign(Affine):
    def inverse(self, y):
        return (y + 1) / 2


class Remembers(nn.Module):
    """Loses the input, and keeps a copy for its inverse."""

    def forward(self, x):
        self.kept = x
        return x.relu()

    def inverse(self, y):
        return self.kept


class Square(nn.Module):
    """Right where its inputs are positive, and nowhere else."""

    def forward(self, x):
        return x.square()

    def inverse(self, y):
        return y.sqrt()


class Rotates(nn.Module):
    def forward(self, x1, x2):
        return x1 + x2, x1 - x2

    def inverse(self, y1, y2):
        return (y1 + y2) / 2, (y1 - y2) / 2


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_inverses_of_one_tensor_and_of_two_pass():
    assert_invertible(Affine(), randn(4, 5), rtol=1e-6)
    assert_invertible(Rotates(), randn(3), randn(3) + 1, rtol=1e-6)


def test_a_wrong_inverse_fails():
    with pytest.raises(AssertionError, match=r"inverse\(module\(x\)\) is not x"):
        assert_invertible(WrongSign(), randn(4, 5))


def test_an_inverse_that_remembers_its_input_fails():
    with pytest.raises(AssertionError, match=r"module\(inverse\(y\)\) is not y"):
        assert_invertible(Remembers(), randn(4, 5))


def test_an_inverse_on_a_part_of_the_space_fails():
    with pytest.raises(AssertionError, match=r"module\(inverse\(y\)\) is not y.*not finite"):
        assert_invertible(Square(), randn(4, 5).abs())


def test_a_module_without_an_inverse_fails():
    with pytest.raises(AssertionError, match="Linear has no method `inverse`"):
        assert_invertible(nn.Linear(2, 2), randn(2))
