"""Second moments, cosines and effective rank, against float64 arithmetic on every element."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.probe.moments import (
    MAX_SAMPLES,
    as_samples,
    effective_rank,
    mean_cosine,
    mean_square,
    moments,
    rms_of_all,
)

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
# Rounding of a sum over the few elements of these tests, in the accumulation of each dtype.
CLOSE = dict.fromkeys(FLOATS, 1e-6) | {torch.float64: 1e-14}


def squares(tensor: torch.Tensor) -> torch.Tensor:
    """The mean of |x|^2 of each row, in float64 on numbers near 1."""
    rows = tensor.reshape(tensor.shape[0], -1)
    rows = rows.to(torch.complex128) if rows.is_complex() else rows.double()
    scale = rows.abs().amax()
    return (rows / scale).abs().square().mean(1) * scale * scale


SIZES = [
    (dtype, size)
    for dtype in FLOATS
    for size in (1e-30, 1e-20, 1e-6, 1.0, 1e4, 1e20, 1e30)
    if dtype != torch.float16 or 1e-6 <= size <= 1e4
]


@pytest.mark.parametrize(("dtype", "size"), SIZES, ids=str)
def test_no_size_that_the_dtype_holds_is_lost_on_the_way(dtype: torch.dtype, size: float) -> None:
    x = (torch.randn(4, 3, 5, dtype=torch.float64) * size).to(dtype)
    for found in (mean_square(x, 4), moments(x, 4).square):
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, squares(x), rtol=CLOSE[dtype], atol=0)
    torch.testing.assert_close(
        mean_square(x, None), squares(x).mean()[None], rtol=CLOSE[dtype], atol=0
    )


NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)


@settings(deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(
            st.lists(NUMBERS, min_size=n, max_size=n),
            min_size=1,
            max_size=4,
        )
    )
)
def test_rows_of_any_sizes_are_summed_as_exactly_as_in_python(rows: list[list[float]]) -> None:
    found = mean_square(torch.tensor(rows, dtype=torch.float32), len(rows))
    for value, row in zip(found.tolist(), rows, strict=True):
        exact = math.fsum(x * x for x in row) / len(row)
        assert value == pytest.approx(exact, rel=1e-6)


def test_a_row_of_zeros_and_what_is_not_finite_stay_what_they_are() -> None:
    rows = [[0.0, 0.0], [1.0, -1.0], [math.nan, 1.0], [math.inf, 2.0], [-math.inf, 0.0]]
    x = torch.tensor(rows)
    for found in (mean_square(x, 5), moments(x, 5).square):
        expected = [0.0, 1.0, math.nan, math.inf, math.inf]
        assert found.tolist() == pytest.approx(expected, nan_ok=True)
    assert mean_square(torch.zeros(2, 3), 2).tolist() == [0.0, 0.0]
    assert mean_square(torch.zeros(2, 0), 2).tolist() == [0.0, 0.0]
    assert mean_square(torch.zeros(0, 3), 0).tolist() == []


@pytest.mark.parametrize("width", [2**17, 2**17 + 1, 3 * 2**17 - 1, 10**7])
def test_long_rows_are_added_up_in_pieces(width: int) -> None:
    # A float32 sum over 10^7 squares is off by 7e-4.
    x = torch.randn(2, width)
    exact = squares(x)
    assert mean_square(x, 2).sub(exact).abs().max() <= 1e-5 * exact.max()
    found = moments(x, 2)
    assert found.square.sub(exact).abs().max() <= 2e-5 * exact.max()
    assert found.gram is not None
    cosine = torch.nn.functional.cosine_similarity(x[0].double(), x[1].double(), dim=0)
    assert found.gram[0, 1].item() == pytest.approx(float(cosine), abs=1e-7)


@pytest.mark.parametrize(("dtype", "size"), SIZES, ids=str)
def test_the_size_of_a_weights_gradient_is_never_lost(dtype: torch.dtype, size: float) -> None:
    x = (torch.randn(4, 3, 5, dtype=torch.float64) * size).to(dtype)
    exact = float(squares(x).mean().sqrt())
    # Where squares leave the range it is the largest element.
    assert rms_of_all(x) == pytest.approx(exact, rel=1e-6) or rms_of_all(x) == float(x.abs().max())
    assert rms_of_all(torch.cat([torch.zeros(10), x.double().flatten()])) > 0


def test_only_zeros_have_the_size_zero() -> None:
    assert rms_of_all(torch.tensor([[0.0, -0.0], [0.0, 0.0]])) == 0.0
    assert rms_of_all(torch.zeros(2, 0)) == 0.0
    assert rms_of_all(torch.tensor([1e-44, 0.0])) > 0
    assert rms_of_all(torch.tensor([-3e38, -3e38])) == pytest.approx(3e38)
    assert math.isnan(rms_of_all(torch.tensor([math.inf, math.nan])))
    assert rms_of_all(torch.tensor([1.0, -math.inf])) == math.inf
    z = torch.complex(torch.randn(3, 7), torch.randn(3, 7))
    assert rms_of_all(z.conj()) ** 2 == pytest.approx(float(squares(z).mean()), rel=1e-6)


def test_a_complex_number_is_one_element() -> None:
    x = torch.complex(torch.randn(3, 7), torch.randn(3, 7))
    for tensor in (x, x.conj(), x.resolve_conj()):
        torch.testing.assert_close(mean_square(tensor, 3), squares(x), rtol=1e-6, atol=0)
        torch.testing.assert_close(moments(tensor, 3).square, squares(x), rtol=1e-6, atol=0)
    assert as_samples(x, 3).shape == (3, 14)


def test_a_complex_scalar_is_no_batch_of_two() -> None:
    assert mean_square(torch.tensor(3 + 4j), 2).tolist() == [25.0]


def test_without_a_batch_all_elements_are_one_sample() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert mean_square(x, None).tolist() == pytest.approx([55 / 6])
    assert mean_square(x, 3).tolist() == pytest.approx([55 / 6])
    assert mean_square(x, 2).tolist() == pytest.approx([5 / 3, 50 / 3])
    assert mean_square(x.T, 3).tolist() == pytest.approx([4.5, 8.5, 14.5])


@pytest.mark.parametrize("dtype", [*FLOATS], ids=str)
def test_cosines_are_those_of_the_flattened_samples(dtype: torch.dtype) -> None:
    x = (
        torch.randn(5, 3, 4).to(dtype)
        * torch.tensor([1, 1e-4, 10, 1, 2], dtype=dtype)[:, None, None]
    )
    gram = moments(x, 5).gram
    assert gram is not None
    rows = torch.nn.functional.normalize(x.double().flatten(1))
    torch.testing.assert_close(gram, rows @ rows.T, rtol=0, atol=1e-6)
    off = rows @ rows.T - torch.eye(5, dtype=torch.float64)
    assert mean_cosine(gram) == pytest.approx(float(off.sum() / 20), abs=1e-6)


def test_tiny_rows_have_cosines_too() -> None:
    x = torch.randn(4, 9)
    gram, tiny = moments(x, 4).gram, moments(x * 1e-30, 4).gram
    assert gram is not None
    assert tiny is not None
    torch.testing.assert_close(tiny, gram, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [1.0, 1e-30])
def test_zero_rows_count_neither_for_the_cosine_nor_for_the_rank(size: float) -> None:
    x = torch.randn(3, 4) * size
    padded = torch.zeros(5, 4)
    padded[[0, 2, 3]] = x
    gram, without = moments(padded, 5).gram, moments(x, 3).gram
    assert gram is not None
    assert without is not None
    assert mean_cosine(gram) == pytest.approx(mean_cosine(without))
    assert effective_rank(gram) == pytest.approx(effective_rank(without))


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_have_no_cosine_and_no_rank(rows: int) -> None:
    x = torch.zeros(3, 4)
    x[:rows] = torch.randn(rows, 4)
    gram = moments(x, 3).gram
    assert gram is not None
    assert mean_cosine(gram) is None
    assert effective_rank(gram) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_row_that_is_not_finite_has_the_cosine_nan(bad: float) -> None:
    x = torch.randn(4, 3)
    x[0], x[1, 1] = 0, bad
    gram = moments(x, 4).gram
    assert gram is not None
    for found in (mean_cosine(gram), effective_rank(gram)):
        assert found is not None
        assert math.isnan(found)


def test_of_a_large_batch_the_first_samples_are_compared() -> None:
    x = torch.randn(MAX_SAMPLES + 5, 6)
    found = moments(x, len(x))
    assert found.gram is not None
    assert found.gram.shape == (MAX_SAMPLES, MAX_SAMPLES)
    torch.testing.assert_close(found.square, squares(x), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("shape", "batch", "tokens"),
    [
        ((2, 5, 3), 2, 5),
        ((7, 3), None, 7),
        ((2, 3), 2, None),
        ((2, 3, 4, 4), 2, None),
        ((9,), 9, None),
    ],
    ids=["tokens", "nodes", "vectors", "images", "numbers"],
)
def test_tokens_are_the_middle_dimension_and_nodes_the_first(
    shape: tuple[int, ...], batch: int | None, tokens: int | None
) -> None:
    x = torch.randn(shape)
    found = moments(x, batch).tokens
    if tokens is None:
        assert found is None
        return
    assert found is not None
    rows = torch.nn.functional.normalize((x if batch is None else x[0]).double())
    torch.testing.assert_close(found, rows @ rows.T, rtol=0, atol=1e-6)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 8))
def test_the_effective_rank_lies_between_one_and_the_rank(seed: int, rows: int, rank: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, rank, generator=generator, dtype=torch.float64)
    x = x @ torch.randn(rank, 20, generator=generator, dtype=torch.float64)
    gram = moments(x, rows).gram
    assert gram is not None
    assert 1.0 - 1e-9 <= effective_rank(gram) <= min(rows, rank) + 1e-6


def test_parallel_rows_have_rank_one_and_orthogonal_ones_their_number() -> None:
    line = torch.tensor([[1.0, 2.0], [2.0, 4.0], [-3.0, -6.0]])
    gram = moments(line, 3).gram
    assert gram is not None
    assert effective_rank(gram) == pytest.approx(1.0, abs=1e-5)
    square = moments(torch.diag(torch.tensor([1.0, 5.0, 1e-3])), 3).gram
    assert square is not None
    assert effective_rank(square) == pytest.approx(3.0)
    assert mean_cosine(square) == pytest.approx(0.0)


def test_the_effective_rank_is_the_exponential_of_an_entropy() -> None:
    # Two rows with cosine c: eigenvalues (1 + c) / 2 and (1 - c) / 2.
    c = 0.6
    gram = torch.tensor([[1.0, c], [c, 1.0]], dtype=torch.float64)
    p = ((1 + c) / 2, (1 - c) / 2)
    assert effective_rank(gram) == pytest.approx(math.exp(-sum(x * math.log(x) for x in p)))
