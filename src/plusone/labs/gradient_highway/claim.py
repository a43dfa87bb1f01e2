"""What the lab claims, and what was predicted before anything was measured.

R is |dL/dx at the first block's input| / |dL/dx at the last block's output|. A branch of two layers
of width n, W2 relu(W1 relu(x)), multiplies the gradient's second moment by a: with weights of
variance v, (v n / 2)^2. PyTorch's own has v = 1/(3 n), so a = 1/36; He's has v = 2/n, so a = 1.
Parts that are orthogonal add, so that a block with a skip multiplies by 1 + a, or with a scale of
1/sqrt(L) by 1 + a/L. With layer norm the branch sees the stream divided by its deviation, whose
square is 1 + l before block l (counted from 0), so that the product is L + 1.
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

DEEPEST = 64

CLAIM = Claim(
    name="gradient-highway",
    title="The +1 of the gradient",
    statement=(
        "The +1 of I + dF/dx carries the gradient past branches that shrink it (PyTorch's init) to "
        "the first layers, where a plain net's vanishes, at the start and during training."
    ),
    equation="dL/dx = dL/dy (I + dF/dx): the skip's part dL/dy and the branch's part dL/dy dF/dx",
    control=(
        "the plain twin with the same weights; the parts, made apart, add up to autograd's gradient"
    ),
    source="He et al. 2016, arXiv 1603.05027, equation 5; Yang and Schoenholz 2017, 1712.08969",
    predictions=(
        Prediction(
            key="plain-slope",
            text="decades of R a block without skips, PyTorch's init (theory: log10 1/6 = -0.778)",
            low=-0.86,
            high=-0.70,
        ),
        Prediction(
            key="residual-deep",
            text="decades of R over 64 blocks with skips, PyTorch's init (theory: 0.38)",
            low=-1.0,
            high=1.0,
        ),
        Prediction(
            key="skip-share",
            text="the skip's share of the squared gradient, 64 blocks, PyTorch's init "
            "(theory: 36/37)",
            low=0.9,
            high=1.0,
            within=(0, 1),
        ),
        Prediction(
            key="training",
            text="largest |decades of R| while a net with skips trains, PyTorch's init",
            high=1.0,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="sum",
            text="largest relative error of skip's plus branch's part against autograd's gradient",
            high=1e-10,
            role="control",
        ),
        Prediction(
            key="cosine",
            text="root mean square cosine of the two parts at the start (random: 1/sqrt(128))",
            high=0.15,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="learns",
            text="training accuracy of the net with skips whose gradient is watched",
            low=0.9,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="he-plain",
            text="decades of R a block without skips, He's init: nothing vanishes (theory: -0.01)",
            low=-0.05,
            high=0.05,
            role="limit",
        ),
        Prediction(
            key="he-residual",
            text="decades of R a block with skips, He's init: it grows (theory: log10(2)/2 = 0.15)",
            low=0.135,
            high=0.166,
            role="limit",
        ),
        Prediction(
            key="he-share",
            text="the skip's share of the squared gradient, 64 blocks, He's init (theory: 1/2)",
            low=0.45,
            high=0.55,
            role="limit",
            within=(0, 1),
        ),
        Prediction(
            key="scaled",
            text="decades of R over 64 blocks, branches times 1/sqrt(L), He's init (theory: 0.22)",
            low=0.15,
            high=0.28,
            role="limit",
        ),
        Prediction(
            key="layer-norm",
            text="decades of R over 64 blocks, layer norm, He's init (theory: log10(65)/2 = 0.91)",
            low=0.7,
            high=1.1,
            role="limit",
        ),
        Prediction(
            key="conv-plain",
            text="decades of R a block of a plain conv net with batch norm: it explodes "
            "(theory: log10 pi/(pi - 1) = 0.17)",
            low=0.1,
            high=0.25,
            role="limit",
        ),
        Prediction(
            key="conv-residual",
            text="decades of R over 16 conv blocks with batch norm and skips (theory: 0.85)",
            low=0.4,
            high=1.2,
            role="limit",
        ),
    ),
)
