"""The claim about the ensemble of paths, with its predictions."""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

CLAIM = Claim(
    name="path-ensemble",
    title="An ensemble of paths",
    statement=(
        "A residual net of L blocks is the sum of 2^L paths, most of whose gradient runs through "
        "short ones; so it survives when blocks are deleted or reordered, and a plain net does not."
    ),
    equation="prod (I + F_l) = sum over subsets S of prod_(l in S) F_l;  C(L, k) paths of length k",
    control="the plain twin; enumerated paths against the net; autograd's gradient",
    source="Veit, Wilber and Belongie 2016, arXiv 1605.06431",
    predictions=(
        Prediction(
            key="linear-exact",
            text="largest relative difference of the sum over 1,024 paths from a linear net",
            high=1e-12,
        ),
        Prediction(
            key="all-paths-order",
            text="power of the branch's size in the error of the sum over all paths, tanh branches "
            "(3 or more if longer paths made it better than paths of length 1 alone)",
            low=2.9,
        ),
        Prediction(
            key="short-paths",
            text="mean path length by gradient, as a share of the blocks, trained net (by number "
            "of paths: 0.5)",
            low=0,
            high=0.4,
            within=(0, 1),
        ),
        Prediction(
            key="delete-one",
            text="accuracy lost by the deletion of one block, median over all but the first",
            high=0.05,
            within=(-1, 1),
        ),
        Prediction(
            key="delete-one-plain",
            text="accuracy left by the deletion of one block, median over all but the first, plain",
            high=0.3,
            within=(0, 1),
        ),
        Prediction(
            key="delete-quarter",
            text="mean accuracy left by the deletion of a quarter of the blocks, the first kept",
            low=0.5,
            within=(0, 1),
        ),
        Prediction(
            key="reorder",
            text="correlation of the accuracy of reordered nets with Kendall's tau of the order",
            low=0.3,
            within=(-1, 1),
        ),
        Prediction(
            key="counts",
            text="largest difference of plusone.scan's log10 numbers of paths from the binomial's",
            high=1e-9,
            role="control",
        ),
        Prediction(
            key="gradient-sum",
            text="largest relative difference of the sum over lengths from autograd's gradient",
            high=1e-10,
            role="control",
        ),
        Prediction(
            key="trained",
            text="test accuracy of the worse of the two trained nets",
            low=0.6,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="first-order",
            text="power of the branch's size in the error of paths of length 1, tanh branches",
            low=1.9,
            high=2.1,
            role="limit",
        ),
        Prediction(
            key="second-order",
            text="power of the branch's size in the error with second terms linearised at x",
            low=2.85,
            high=3.15,
            role="limit",
        ),
        Prediction(
            key="binomial-length",
            text="mean path length by energy over L s^2 / (1 + s^2), independent linear branches",
            low=0.95,
            high=1.05,
            role="limit",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="scan-length",
            text="mean path length by plusone.scan less that of the gradient, trained net, blocks",
            low=-1,
            high=1,
            role="limit",
        ),
        Prediction(
            key="first-block",
            text="accuracy left by the deletion of the first block",
            high=0.5,
            role="limit",
            within=(0, 1),
        ),
    ),
)
