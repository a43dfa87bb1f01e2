"""The claim about eigenvalues, with its predictions."""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

A_DECADE_IN_20 = 0.05
"""The error of a slope, in decades a layer, up to which a law foretells a net of 20 layers within a
factor of ten: the tolerance of all slopes here."""

CLAIM = Claim(
    name="eigenvalues",
    title="Eigenvalues shifted by one",
    statement=(
        "A skip turns each layer's W into I + W and shifts its eigenvalues by one, away from zero: "
        "signals and gradients no longer decay, and the eigenvalues tell how fast they change."
    ),
    equation="|lambda|^L  against  |1 + lambda|^L",
    control="the same matrices and the same digits net without skips; closed forms",
    source="He et al. 2016, arXiv 1603.05027, section 2; De and Smith 2020, arXiv 2002.10444",
    predictions=(
        Prediction(
            key="plain-half",
            text="log10 of what 50 layers leave of an eigenvector of eigenvalue 0.5, no skips",
            low=-15.06,
            high=-15.04,
        ),
        Prediction(
            key="narrow-band",
            text="log10 of the least that 50 layers with skips leave, eigenvalues in [-0.1, 0.1]",
            low=-3,
        ),
        Prediction(
            key="wide-band",
            text="log10 of the least that 50 layers with skips leave, eigenvalues in [-0.5, 0.5]",
            low=-3,
        ),
        Prediction(
            key="trained-helped",
            text="share of a trained branch's eigenvalues that the shift takes away from zero",
            low=0.95,
            within=(0, 1),
        ),
        Prediction(
            key="slope-repeated",
            text="largest miss of log10 of the spectral radius, one Gaussian matrix in all layers "
            "(decades a layer)",
            high=A_DECADE_IN_20,
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="slope-plain",
            text="log10 of the spectral radius less the measured decades a layer, trained plain "
            "net",
            low=-A_DECADE_IN_20,
            high=A_DECADE_IN_20,
        ),
        Prediction(
            key="slope-residual",
            text="log10 of the spectral radius less the measured decades a layer, trained "
            "residual net",
            low=-A_DECADE_IN_20,
            high=A_DECADE_IN_20,
        ),
        Prediction(
            key="closed-form",
            text="largest difference of a measured log10 gain from L log10 |lambda|",
            high=1e-9,
            role="control",
        ),
        Prediction(
            key="second-moment",
            text="largest miss of log10 E gain^2 by s^2L, (1 + s^2)^L and (1 + s^2/L)^L, 50 "
            "independent Gaussian layers",
            high=0.3,
            role="control",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="helped-iff",
            text="share of complex eigenvalues that the shift helps exactly if Re > -1/2",
            low=1.0,
            high=1.0,
            role="limit",
            within=(0, 1),
        ),
        Prediction(
            key="counter-example",
            text="log10 of the gain over 50 layers with skips over that without, eigenvalue -0.9",
            low=-47.8,
            high=-47.6,
            role="limit",
        ),
        Prediction(
            key="slope-independent",
            text="log10 of the spectral radius less the measured decades a layer, independent "
            "Gaussian layers with skips (law: log10 (1 + s) - log10 (1 + s^2) / 2)",
            low=0.10,
            high=0.15,
            role="limit",
        ),
        Prediction(
            key="slope-by-moment",
            text="log10 of the second moment's slope less the measured decades a layer, trained "
            "residual net",
            low=-A_DECADE_IN_20,
            high=A_DECADE_IN_20,
            role="limit",
        ),
        Prediction(
            key="non-normal",
            text="log10 of the norm of 50 equal layers I + W that have no eigenvalue but 0.5",
            low=6,
            role="limit",
        ),
    ),
)
