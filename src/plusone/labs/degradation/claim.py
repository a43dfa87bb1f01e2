"""What the lab claims, and what was predicted before anything was trained.

The nets have batch norm and He's init. Its plain nets do not vanish: their gradient grows towards
the input, by theory (Yang et al. 2019, arXiv 1902.08129, for wide layers) by pi/(pi - 1) of its
square a layer, 0.17 decades of its norm for a block of two; with one batch norm for two layers, as
in the MLP, it is 0.15. The deepest nets have 16 blocks, so that they stay within plusone's window
of 3 decades. Nor can a growth of the gradient by itself be what stops Adam, which divides it out.
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction
from plusone.theory import WINDOW

CLAIM = Claim(
    name="degradation",
    title="Deeper plain nets train worse",
    statement=(
        "The training error of a deeper plain net is above that of a shallower one, although the "
        "deeper one can copy the shallower; with skips it is not."
    ),
    equation="error(deep plain) > error(shallow plain) = error(shallow plain + identity layers)",
    control=(
        "twins with the same weights, batch norm and He's init; the best of three settings by "
        "training error (SGD at 0.02 and 0.1, Adam at 0.003) counts for each net of both arms"
    ),
    source="He et al. 2016, arXiv 1512.03385, figure 1 and section 3.1",
    predictions=(
        Prediction(
            key="plain-gap",
            text="training error of the deepest plain net minus that of the shallowest",
            low=0.01,
            within=(-1, 1),
        ),
        Prediction(
            key="residual-gap",
            text="training error of the deepest residual net minus that of the shallowest",
            high=0.01,
            within=(-1, 1),
        ),
        Prediction(
            key="constructed",
            text="training error of the deepest plain net that starts as the trained shallow one "
            "with identity layers, trained on, minus that from a random start",
            high=-0.01,
            within=(-1, 1),
        ),
        Prediction(
            key="identity-logits",
            text="largest change of a logit when identity layers are put in, over the largest "
            "logit, float64",
            high=1e-9,
            role="control",
        ),
        Prediction(
            key="identity-error",
            text="change of the training error when identity layers are put in",
            low=0.0,
            high=0.0,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="start",
            text="|decades| of the gradient from the last to the first block of the deepest plain "
            "net at the start",
            high=WINDOW,
            role="control",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="adam-gap",
            text="training error of the deepest plain net minus that of the shallowest under Adam, "
            "whose step does not depend on the gradient's size",
            low=0.01,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="growth",
            text="decades by which a plain block raises the gradient at the start "
            "(theory: 0.15 to 0.17)",
            low=0.08,
            high=0.25,
            role="limit",
        ),
        Prediction(
            key="shallow",
            text="training error of the shallowest residual net minus that of the plain one",
            low=-0.03,
            high=0.03,
            role="limit",
            within=(-1, 1),
        ),
    ),
)
