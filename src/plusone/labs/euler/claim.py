"""What the lab claims, and what was predicted before anything was measured.

Forward Euler has order 1, Heun 2 and Kutta's method 4 (Hairer, Nørsett and Wanner 1993, chapter
II); slopes are fitted over finite steps, so that they are off by some hundredths. Weights drawn
anew in every block are no function of time: with steps of 1/L what is left of them is a sum of L
independent terms of 1/L, so it falls as L^(-1/2) to nothing (Cohen et al. 2021, arXiv 2105.12245;
Marion et al. 2022, arXiv 2206.06929).
A trained net whose steps are too long is no approximation of a differential equation, and finer
steps change what it computes (Ott et al. 2020, arXiv 2007.15386).

Changed after first runs, and no interval: the control of training is of the two nets that the claim
compares, without the one of h = 4, which trains worse (0.85 to 0.91 of digits). And the claim on a
finer grid is of h = 1, the ordinary residual block; at 1/8, where it stood first, the blocks move
their input so little that even each of them four times at full step changes the accuracy by 0.01,
so that nothing could refute it. It stays as a limit.

Changed after a review: the arm without skips was run with each block four times at full step alone,
which harms the residual net too. Its block F is itself a step of size 1 along F(x) - x, so that it
is refined in the same way as the residual one; that is now the claim, and the other a limit.
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

CLAIM = Claim(
    name="euler",
    title="A residual block is a step of Euler's method",
    statement=(
        "A residual net is forward Euler along a differential equation: of first order, stable "
        "while |1 + h lambda| <= 1, and after training it can be run on a finer grid, which a net "
        "without skips cannot."
    ),
    equation="x' = x + h f(x)  is  dx/dt = f(x);  stable for h <= min -2 Re(lambda) / |lambda|^2",
    control=(
        "torchdiffeq's Euler, rk4 and adaptive dopri5, SciPy's DOP853; the same nets without "
        "skips, refined as steps along F(x) - x, and both with blocks doubled at full step"
    ),
    source="E 2017, 10.1007/s40304-017-0103-z; Haber and Ruthotto 2017, arXiv 1705.03341",
    predictions=(
        Prediction(
            key="equal",
            text="largest difference from torchdiffeq's Euler, 64 blocks, float64",
            low=0.0,
            high=0.0,
        ),
        Prediction(
            key="order-euler",
            text="order of the error over depth, Euler blocks of one velocity",
            low=0.95,
            high=1.05,
        ),
        Prediction(
            key="order-smooth",
            text="order of the error over depth, Euler blocks, weights smooth in depth",
            low=0.95,
            high=1.05,
        ),
        Prediction(
            key="stability",
            text="largest relative error of h* from the eigenvalues against the net's own limit",
            high=0.01,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="refined",
            text="test accuracy with a quarter of the step less that of the trained net, h = 1",
            low=-0.02,
            within=(-1, 1),
        ),
        Prediction(
            key="plain-refined",
            text="test accuracy of the plain net with a quarter of the step along F(x) - x less "
            "that as trained",
            high=-0.3,
            within=(-1, 1),
        ),
        Prediction(
            key="hand",
            text="largest difference from Euler written out in NumPy",
            high=1e-12,
            role="control",
        ),
        Prediction(
            key="reference",
            text="largest difference of the reference from torchdiffeq's rk4",
            high=1e-11,
            role="control",
        ),
        Prediction(
            key="adaptive",
            text="largest difference of the reference from torchdiffeq's adaptive dopri5",
            high=1e-9,
            role="control",
        ),
        Prediction(
            key="trained",
            text="test accuracy as trained of the worse of the two, h = 1 and plain",
            low=0.85,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="as-steps",
            text="largest change of accuracy of the plain net written as steps of size 1",
            high=0.002,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="order-heun",
            text="order of the error over depth, Heun blocks",
            low=1.9,
            high=2.1,
            role="control",
        ),
        Prediction(
            key="order-rk4",
            text="order of the error over depth, RK4 blocks",
            low=3.8,
            high=4.2,
            role="control",
        ),
        Prediction(
            key="order-independent",
            text="order over depth where each block draws its own weights (theory: 1/2, no ODE)",
            low=0.4,
            high=0.6,
            role="limit",
        ),
        Prediction(
            key="refined-short",
            text="test accuracy with a quarter of the step less that of the trained net, h = 1/8",
            low=-0.02,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="doubled",
            text="test accuracy with each block four times at full step less as trained, h = 1",
            high=-0.1,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="plain-doubled",
            text="test accuracy of the plain net with each block four times less that as trained",
            high=-0.1,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="too-long",
            text="test accuracy with a quarter of the step less that of the trained net, h = 4",
            high=-0.05,
            role="limit",
            within=(-1, 1),
        ),
    ),
)
