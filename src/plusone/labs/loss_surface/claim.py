"""The claim that skips make the loss surface smooth, with its predictions."""

from plusone.labs.base import Claim, Prediction

LEVEL = 1.5
"""The training loss at which a plain and a residual net are compared; chance is ln 10 = 2.3."""

CLAIM = Claim(
    name="loss-surface",
    title="Smooth where the skips are",
    statement=(
        "Skips turn the chaotic loss surface of a deep net into a smooth and nearly convex one, "
        "with smaller curvature."
    ),
    equation="L(w + a d), |d_f| = |w_f| for each filter f; eigenvalues of the Hessian of L",
    control=(
        "the same net without skips, from the same seed and batches, stopped at the same training "
        "loss; and both at a depth where the plain net trains well. Batch norms use the statistics "
        "of the batch at every point"
    ),
    source="Li, Xu, Taylor, Studer and Goldstein 2018, arXiv 1712.09913",
    predictions=(
        Prediction(
            key="turns",
            text="slope turns of a slice at the larger depth at equal loss, plain minus residual",
            low=1.0,
        ),
        Prediction(
            key="nonconvex",
            text="share of a slice's second differences below zero, plain minus residual",
            low=0.1,
            within=(-1, 1),
        ),
        Prediction(
            key="plane",
            text="share of the plane with negative curvature, plain minus residual",
            low=0.1,
            within=(-1, 1),
        ),
        Prediction(
            key="sharpness",
            text="log10 of the largest Hessian eigenvalue at equal loss, plain minus residual",
            low=0.3,
        ),
        Prediction(
            key="equal-loss",
            text="difference of the two losses that are compared, over their mean",
            low=-0.2,
            high=0.2,
            role="control",
            within=(-2, 2),
        ),
        Prediction(
            key="converged",
            text="share of the eigenvalues that converged to 5 %",
            low=1.0,
            high=1.0,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="shallow-turns",
            text="slope turns of a slice at the smaller depth at equal loss, plain minus residual",
            low=-1.0,
            high=1.0,
            role="limit",
        ),
        Prediction(
            key="running",
            text="slope turns that running statistics hide, larger depth, plain",
            low=0.5,
            role="limit",
        ),
    ),
)
