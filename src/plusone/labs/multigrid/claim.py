"""What the lab claims, and what was predicted before anything was measured.

A Jacobi sweep of weight w multiplies the mode (p, q) by 1 - w (sin^2 + sin^2) of half its angles,
so smooth ones by nearly 1: cos(pi h) in all at w = 1. A V-cycle damps all modes by a factor that
does not depend on h (Trottenberg et al. 2001, chapter 2). Learned 3 x 3 smoothers reach a quarter
of the classical factor and transfer between grids, as they see upper frequencies alone; the
coarsest levels of larger grids ask more of transfers, which have to keep constants (Fanaskov 2024,
arXiv 2402.05563, finds factors of 2 to 5). How far transfers overfit differs by powers between
seeds, so that their ratio of 2 is predicted in powers of 2; as a ratio, whose mean is that of its
largest seed, three seeds gave 8.3 (-2.1 to 18.7).
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

CLAIM = Claim(
    name="multigrid",
    title="A V-cycle is a U-Net",
    statement=(
        "Multigrid's V-cycle for Poisson's equation is a U-Net: residual smoothing, a coarse path "
        "and long skips. Together they solve on every grid in as many cycles, of nearly as many "
        "operations a point; each part is needed, and training the smoothers makes it better on "
        "grids it has not seen."
    ),
    equation="u' = u + P e,  A_2h e = R (f - A u),  between sweeps  u' = u + (w h^2 / 4)(f - A u)",
    control=(
        "the V-cycle of sparse matrices in SciPy; the same net without the decoder's skips and "
        "without the coarse path (Jacobi alone), with f not zero and a known solution"
    ),
    source="He and Xu 2019, arXiv 1901.10415; Trottenberg, Oosterlee and Schüller 2001, Multigrid",
    predictions=(
        Prediction(
            key="spread",
            text="largest less smallest convergence factor over the grids, V(2,2)",
            high=0.03,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="cycles",
            text="most less fewest cycles to a residual of 1e-8 over the grids",
            high=1,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="no-skip",
            text="relative error after 10 cycles without the decoder's skips, f not zero",
            low=0.1,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="no-coarse",
            text="relative error after 10 cycles without the coarse path",
            low=0.5,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="learned",
            text="factor of V(1,1) with trained smoothers over the classical one, largest grid",
            high=0.6,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="carried",
            text="factor of the trained smoothers on the largest grid over that of training",
            low=0.8,
            high=1.25,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="equal",
            text="largest relative difference from the V-cycle of sparse matrices, float64",
            high=1e-10,
            role="control",
        ),
        Prediction(
            key="full",
            text="relative error after 10 cycles of the whole net",
            high=1e-5,
            role="control",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="modes",
            text="largest difference of a mode's damping by a Jacobi sweep from theory's",
            high=1e-10,
            role="control",
        ),
        Prediction(
            key="forgets",
            text="mean factor a cycle without the skips where f is zero, as if it converged",
            high=0.7,
            role="limit",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="transfers",
            text="factor with trained transfers, largest grid over that of training, powers of 2",
            low=1.0,
            role="limit",
        ),
        Prediction(
            key="smooth",
            text="damping of the smoothest mode by a Jacobi sweep, largest grid",
            low=0.999,
            high=1.0,
            role="limit",
        ),
    ),
)
