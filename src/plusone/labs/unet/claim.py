"""What the lab claims, and what was predicted before anything was trained.

Intervals come from an earlier experiment on nuclei at 256 x 256 (one thread, 3 seeds, other
training): IoU with skips and without 0.788 and 0.788 at one level, 0.794 and 0.772 at two, 0.796
and 0.712 at three, 0.789 and 0.332 at four, where the finest skip alone gave 0.784 and the coarsest
alone 0.470, and twice the parameters without skips 0.497. Of a perturbation of the input the deep
path alone let 0.06 to 0.5 as much of its high band through as of its low one, with skips 2 to 5;
such ratios are compared as logarithms here, since a first trial had one seed's decide the mean.

Path lengths follow from the architecture. Behind the first convolution lie one more, two on the way
up and the head: 4 layers over the finest skip, at any depth. Without skips each level has two
convolutions at its resolution on the way down and two on the way up, and one that doubles it: 5
more a level.

Added after the first full run: the training IoU, and the deep net without skips trained five times
as long, since a net that has not finished training loses like one that cannot hold the detail; and
a net of plain torch layers with its repair, since in the lab's own net plusone.fix restores the
joins that the lab took out. None of them counts for the share of nets that S105 is right about.
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

LOST = 0.05
"""A net has lost where its IoU is this much below that of the net with all skips of its depth."""
LOW, HIGH = (0.0, 1 / 16), (1 / 8, 0.71)
"""The bands, in cycles a pixel; 0.71 is the corner of the square of frequencies."""

CLAIM = Claim(
    name="unet",
    title="Long skips bring the edges",
    statement=(
        "A net that goes down to a low resolution and up again loses the edges, the more the "
        "deeper it goes; long skips bring them back, the finest one nearly all, because the deep "
        "path is a low-pass filter and the skips carry the high band."
    ),
    equation="y = up(deep(down(x))) + x at each level; layers on the way: 5 L + 2 against 4",
    control=(
        "the same weights, parameter for parameter, with the skips left out; a net without skips "
        "and twice the parameters, one trained five times as long; one level, where half the "
        "resolution is left"
    ),
    source="Ronneberger et al. 2015, arXiv 1505.04597; Drozdzal et al. 2016, arXiv 1608.04117",
    predictions=(
        Prediction(
            key="iou",
            text="IoU at four levels, with skips minus without, same parameters",
            low=0.1,
            within=(-1, 1),
        ),
        Prediction(
            key="boundary",
            text="boundary F1 (2 pixels) at four levels, the same",
            low=0.1,
            within=(-1, 1),
        ),
        Prediction(
            key="growth",
            text="that gain of IoU at four levels minus that at one level",
            low=0.1,
            within=(-2, 2),
        ),
        Prediction(
            key="finest", text="share of the gain of IoU that the finest skip alone brings", low=0.8
        ),
        Prediction(
            key="deep-pass",
            text="log10 of the power that the deep path lets through, high band (above 1/8 cycles "
            "a pixel) over low (below 1/16), trained",
            high=-0.2,
        ),
        Prediction(key="skip-pass", text="the same over the skips alone", low=0.0),
        Prediction(
            key="removal",
            text="IoU lost without the high band of what the finest skip brings, minus that "
            "without the high band of what it is added to",
            low=0.0,
            within=(-1, 1),
        ),
        Prediction(
            key="paths-with",
            text="layers on the shortest path from the first convolution to the last, with skips, "
            "four levels minus one",
            low=0,
            high=0,
        ),
        Prediction(
            key="paths-without",
            text="layers a level by which that path grows without skips",
            low=5,
            high=5,
        ),
        Prediction(
            key="warning",
            text=f"share of nets where S105 lost-detail fires before training just if the net then "
            f"loses (IoU {LOST} below that with all skips)",
            low=0.9,
            within=(0, 1),
        ),
        Prediction(
            key="parameters",
            text="difference of the numbers of parameters, with skips and without",
            low=0,
            high=0,
            role="control",
            within=NOT_NEGATIVE,
            over="levels",
        ),
        Prediction(
            key="trained",
            text="IoU with all skips at four levels",
            low=0.5,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="wide",
            text="IoU at four levels, with skips minus without at twice the parameters",
            low=0.1,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="longer",
            text="IoU at four levels, with skips minus without at five times the steps",
            low=0.1,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="one-level",
            text="IoU at one level, with skips minus without",
            low=-0.05,
            high=0.05,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="coarsest",
            text="share of the gain of IoU that the coarsest skip alone brings",
            high=0.5,
            role="limit",
        ),
        Prediction(
            key="repair",
            text="share of the gain of IoU that plusone.fix's skips bring to the net without",
            low=0.8,
            role="limit",
        ),
        Prediction(
            key="own-repair",
            text="share of the gain of IoU up to the net with all skips that plusone.fix's skips "
            "bring to a net of plain torch layers",
            low=0.8,
            role="limit",
        ),
    ),
)
