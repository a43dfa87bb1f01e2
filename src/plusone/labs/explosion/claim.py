"""The claim about explosion, with its predictions."""

from __future__ import annotations

from plusone.labs.base import Claim, Prediction

FACTOR_2, FACTOR_10 = 0.3, 1.0  # in decades

CLAIM = Claim(
    name="explosion",
    title="Growth within the product of 1 + beta",
    statement=(
        "A residual net may explode instead of vanish: its gradient grows within the product of "
        "1 + beta, beta the spectral norm of a branch's Jacobian, and this bound tells how much. "
        "Norms and small scales of the branch tame it."
    ),
    equation="|J_L ... J_1|  <=  prod (1 + beta_l);  typically  prod |J_l|_F / sqrt(n)",
    control="the plain twin; dense Jacobians in float64 against plusone.scan; ReZero's identity",
    source="Hardt and Ma 2017, arXiv 1611.04231; Hayou et al. 2021, arXiv 2010.12859",
    predictions=(
        Prediction(
            key="never-above",
            text="largest log10 of a Jacobian's spectral norm over its bound, all nets",
            high=1e-9,
        ),
        Prediction(
            key="bound-at-start",
            text="decades by which the bound exceeds the spectral norm, 32 blocks at the start",
            high=FACTOR_10,
        ),
        Prediction(
            key="bound-trained",
            text="decades by which the bound exceeds the spectral norm, trained residual net",
            high=FACTOR_10,
        ),
        Prediction(
            key="law-at-start",
            text="log10 of the mean gain over (1 + 1)^(L/2), 40 nets of 32 blocks at the start",
            low=-FACTOR_2,
            high=FACTOR_2,
        ),
        Prediction(
            key="moment-trained",
            text="log10 of the product of the blocks' mean gains over that of the trained net",
            low=-FACTOR_2,
            high=FACTOR_2,
        ),
        Prediction(
            key="tamed",
            text="decades that the least of batch norm, layer norm, 1/sqrt(L) and ReZero takes off "
            "the growth of the trained net",
            low=0,
        ),
        Prediction(
            key="scan",
            text="mean relative difference of plusone.scan's beta from the dense Jacobian's (its "
            "tolerance: 0.05)",
            high=0.05,
            role="control",
        ),
        Prediction(
            key="rezero",
            text="decades of growth in a ReZero net at the start",
            low=-1e-12,
            high=1e-12,
            role="control",
        ),
        Prediction(
            key="looseness",
            text="decades a block by which bound and spectral norm part at the start",
            low=0.3,
            high=0.7,
            role="limit",
        ),
        Prediction(
            key="scaled",
            text="decades of growth over 32 blocks with 1/sqrt(L) at the start (law: 0.21)",
            low=0.1,
            high=0.3,
            role="limit",
        ),
        Prediction(
            key="layer-norm",
            text="decades of growth over 32 blocks with layer norm at the start (law: 0.76)",
            low=0.5,
            high=1.0,
            role="limit",
        ),
        Prediction(
            key="batch-norm",
            text="decades of growth over 32 blocks with batch norm at the start (law, if branches "
            "were uncorrelated: 0.76)",
            low=0.5,
            high=1.2,
            role="limit",
        ),
    ),
)
