"""What the lab claims, and what was fixed before any net was trained.

A net trains if at the best of three learning rates of Adam its training accuracy is above 0.9 after
the budget. The closed form calls it trainable where the typical |g_in| / |g_out| is
within plusone's window of 3 decades and 1 - c of two inputs that start at c = 0 stays above the
threshold of rule A304's kin, 1e-4. The gain 0.5 was chosen because the diagram then has both
boundaries: without skips the gradient halves its square at each block, with all it grows by 1.5,
and the two balance at a density of ln 2 / ln 3 = 0.63.

The first design trained by SGD, 100 steps at five rates a decade apart. Its control failed: 78 % of
the shallowest nets trained, and so the budget, not the depth, decided (agreement 0.41, AUC 0.91).
Hence Adam, three rates half a decade apart, and more steps; the intervals stayed.
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

TRAINS_FROM = 0.9
GAIN = 0.5

CLAIM = Claim(
    name="skip-density",
    title="Depth and skip density",
    statement=(
        "Depth and skip density decide whether a net trains, and a closed form says where, before "
        "there is a net."
    ),
    equation="E ln R = L (p ln(1 + a) + (1 - p) ln a), R = |g_in|^2 / |g_out|^2, here a = 0.5",
    control=(
        "all nets share data, budget and three rates of Adam, the best of which counts for each "
        "net; density 0 is the plain net"
    ),
    source="plusone.theory; Yang and Schoenholz 2017, arXiv 1712.08969",
    predictions=(
        Prediction(
            key="agreement",
            text="share of cells (depth, density) where the predicted phase is the measured one",
            low=0.8,
            within=(0, 1),
        ),
        Prediction(
            key="auc",
            text="AUC of |decades of the typical norm| for 'trains'",
            low=0.9,
            within=(0, 1),
        ),
        Prediction(
            key="advised",
            text="training accuracy at the deepest nets: the density that the closed form advises "
            "minus the better of no skips and all",
            low=0.2,
            within=(-1, 1),
        ),
        Prediction(
            key="gradient",
            text="correlation over cells of predicted and measured decades at the start",
            low=0.9,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="shallow",
            text="share of the shallowest nets (4 blocks) that train",
            low=0.9,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="window",
            text="decades of the window that agrees best with what trained, found afterwards "
            "(plusone's is 3)",
            low=1.5,
            high=6.0,
            role="limit",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="mean",
            text="AUC of the typical norm minus that of the mean, which rare paths dominate",
            low=0.02,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="gap",
            text="AUC of 1 - c, which does not see explosions, for 'trains'",
            low=0.6,
            high=0.9,
            role="limit",
            within=(0, 1),
        ),
    ),
)
