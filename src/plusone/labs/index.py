"""The labs by name. Imports nothing, so that a list of them is quick."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a lab's `LAB` is, and its claim in one line."""

    module: str
    summary: str


LABS = {
    "degradation": Entry(
        module="plusone.labs.degradation",
        summary="Deeper plain nets train worse; deeper residual nets do not.",
    ),
    "gradient-highway": Entry(
        module="plusone.labs.gradient_highway",
        summary="The +1 of I + dF/dx carries the gradient to the first layers.",
    ),
    "eigenvalues": Entry(
        module="plusone.labs.eigenvalues",
        summary="A skip shifts each layer's eigenvalues by one, away from decay.",
    ),
    "explosion": Entry(
        module="plusone.labs.explosion",
        summary="Gradients of residual nets grow within the product of 1 + beta.",
    ),
    "toy-landscape": Entry(
        module="plusone.labs.toy_landscape",
        summary="A skip turns the saddle of w1 w2 x at the origin into a minimum.",
    ),
    "loss-surface": Entry(
        module="plusone.labs.loss_surface",
        summary="Skips make the loss surface smooth and nearly convex.",
    ),
    "path-ensemble": Entry(
        module="plusone.labs.path_ensemble",
        summary="A residual net is an ensemble of 2^L paths, most of them short.",
    ),
    "boosting": Entry(
        module="plusone.labs.boosting",
        summary="Each block is a weak learner that follows the negative gradient.",
    ),
    "skip-density": Entry(
        module="plusone.labs.skip_density",
        summary="Depth and skip density decide whether a net trains.",
    ),
    "oversmoothing": Entry(
        module="plusone.labs.oversmoothing",
        summary="Deep graph nets make nodes alike; which skips delay that, and which cure it.",
    ),
    "euler": Entry(
        module="plusone.labs.euler",
        summary="A residual block is a step of Euler's method, with its order and its limit.",
    ),
    "unet": Entry(
        module="plusone.labs.unet",
        summary="A decoder loses the edges; the finest long skip brings them back.",
    ),
    "posterior-collapse": Entry(
        module="plusone.labs.posterior_collapse",
        summary="A skip around a VAE's latent empties it; what keeps the latent in use.",
    ),
    "multigrid": Entry(
        module="plusone.labs.multigrid",
        summary="A V-cycle is a U-Net whose skips keep u and f, and a net that trains.",
    ),
    "attention": Entry(
        module="plusone.labs.attention",
        summary="One state is too small for a sentence; attention lets each word read the source.",
    ),
    "disulfide": Entry(
        module="plusone.labs.disulfide",
        summary="A protein's disulfide bonds are to its chain what skips are to a deep net.",
    ),
    "gan": Entry(
        module="plusone.labs.gan",
        summary="A deep plain critic gives its generator no gradient; with skips it does.",
    ),
}


def no_such_lab(name: str) -> str:
    """What to say of a name that is none of them."""
    from plusone.target.suggest import did_you_mean

    near = did_you_mean(name, LABS, otherwise=f"; the labs are {', '.join(LABS)}")
    return f"there is no lab '{name}'{near}"
