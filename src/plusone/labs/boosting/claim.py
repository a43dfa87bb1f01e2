"""The claim about boosting, with its predictions."""

from __future__ import annotations

from plusone.labs.base import Claim, Prediction

CLAIM = Claim(
    name="boosting",
    title="Blocks as weak learners",
    statement=(
        "Each residual block is a weak learner: it moves its input along the negative gradient of "
        "the loss, so that the final head reads a better answer after every block, and blocks can "
        "be trained one after another as boosting does."
    ),
    equation="L(h + F(h)) = L(h) + <F(h), dL/dh> + ...,  cos(F(h), -dL/dh) > 0",
    control="the plain twin, the untrained net, boosted trees with as many numbers as the net",
    source=(
        "Greff et al. 2017, arXiv 1612.07771; Jastrzebski et al. 2018, arXiv 1710.04773; Huang et "
        "al. 2018, arXiv 1706.04964"
    ),
    predictions=(
        Prediction(
            key="aligned",
            text="mean cosine of a block's update with the negative gradient, trained residual net",
            low=0.05,
            within=(-1, 1),
        ),
        Prediction(
            key="exit-falls",
            text="share of the blocks that lower the loss of the final head, residual net",
            low=0.9,
            within=(0, 1),
        ),
        Prediction(
            key="probe-rises",
            text="accuracy of a linear probe behind the last block less that behind the stem",
            low=0.01,
            within=(-1, 1),
        ),
        Prediction(
            key="training-falls",
            text="share of the blocks trained one after another that lower the training loss",
            low=0.9,
            within=(0, 1),
        ),
        Prediction(
            key="same-accuracy",
            text="test accuracy of training block by block less that of training all at once",
            low=-0.01,
            within=(-1, 1),
        ),
        Prediction(
            key="untrained",
            text="mean cosine of a block's update with the negative gradient, untrained",
            low=-0.05,
            high=0.05,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="trained",
            text="test accuracy of the worse of the two nets trained at once",
            low=0.8,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="aligned-plain",
            text="mean cosine of a block's update with the negative gradient, trained plain net",
            high=0.05,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="exit-plain",
            text="share of the blocks that lower the loss of the final head, plain net",
            high=0.75,
            role="limit",
            within=(0, 1),
        ),
        Prediction(
            key="probe-plain",
            text="accuracy of a linear probe behind the last block less that behind the stem, "
            "plain net",
            low=0.01,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="over-trees",
            text="test accuracy of the residual net less that of boosted trees of its size",
            low=0,
            role="limit",
            within=(-1, 1),
        ),
    ),
)
