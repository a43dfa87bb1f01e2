"""What the lab claims, and what was predicted before anything was measured.

A bond between residues i and j of a Gaussian chain takes all motion of one against the other up to
a step's, so bonds over most of a chain leave it as stiff as its longest stretch without one; local
ones (i, i + 3) change nothing beyond their neighbours. In the folded network a residue has some
eight contacts (7.9 to 8.4 on average within 7.3 A) and a bonded cysteine, deeper inside, ten to
twelve; with a bond's spring of ten contacts', as a covalent bond is stiffer by far, its cysteines
lose between a sixth and a half, and with one of a single contact's a tenth (both are in the table:
the spring decides that number). B factors hold crystal contacts, disorder and errors of refinement
too; a correlation with the model of 0.6 is what is commonly found (Kundu et al. 2002, Biophys. J.
83:723). A net of gain 0.7 loses a third of its gradient in every layer.
"""

from __future__ import annotations

from plusone.labs.base import Claim, Prediction
from plusone.labs.disulfide.chance import NUM_DRAWS

CLAIM = Claim(
    name="disulfide",
    title="A disulfide bond is a long-range skip",
    statement=(
        "A disulfide bond is to a protein's chain what a skip is to a deep net: it shortens paths, "
        "takes motion from the unfolded chain, and as the only skip of a net of the chain's length "
        "makes that net trainable; with one graph code for both."
    ),
    equation="R_ij = L+_ii + L+_jj - 2 L+_ij;  cost = T (2.1 k + 1.5 R ln det(B^T L+ B))",
    control=(
        "no bonds; as many local bonds (i, i + 3); bonds of the same spans at random places "
        f"({NUM_DRAWS:,} draws); a protein without bonds"
    ),
    source=(
        "Harrison and Sternberg 1994, J. Mol. Biol. 244:448; Bahar, Atilgan and Erman 1997, "
        "10.1016/S1359-0278(97)00024-2; Chennubhotla and Bahar 2007, 10.1371/journal.pcbi.0030172"
    ),
    predictions=(
        Prediction(
            key="unfolded",
            text="mean square fluctuation of the unfolded chain with its bonds over without",
            high=0.5,
            within=(0, 1),
            over="chains",
        ),
        Prediction(
            key="paths",
            text="mean shortest path between residues with the bonds over without",
            high=0.7,
            within=(0, 1),
            over="chains",
        ),
        Prediction(
            key="net",
            text="test accuracy of the net with the bonds as skips less that without",
            low=0.5,
            within=(-1, 1),
        ),
        Prediction(
            key="bare",
            text="largest relative error of the bare chain's fluctuation from (n^2 - 1) / 6n",
            high=1e-9,
            role="control",
        ),
        Prediction(
            key="records",
            text="bonds by SSBOND records that are none by the sulfurs' distance, or the reverse",
            low=0,
            high=0,
            role="control",
        ),
        Prediction(
            key="local",
            text="mean square fluctuation of the unfolded chain with local bonds over without",
            low=0.7,
            high=1.0,
            role="control",
            within=(0, 1),
            over="chains",
        ),
        Prediction(
            key="net-local",
            text="test accuracy of the net with as many local skips less that without",
            low=-0.15,
            high=0.15,
            role="control",
            within=(-1, 1),
        ),
        Prediction(
            key="b-factors",
            text="correlation of the folded network's fluctuations with the B factors",
            low=0.4,
            role="control",
            within=(-1, 1),
            over="chains",
        ),
        Prediction(
            key="gradient",
            text="|decades| of the net's gradient at the start from the second moments' forecast",
            high=1.0,
            role="control",
        ),
        Prediction(
            key="places",
            text="unfolded fluctuation with the bonds less with the same spans at random places",
            low=-0.1,
            high=0.1,
            role="limit",
            within=(-1, 1),
            over="chains",
        ),
        Prediction(
            key="net-places",
            text="test accuracy of the net with the bonds less with the spans at random places",
            low=-0.1,
            high=0.1,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="shared",
            text="entropy of all bonds together over the sum of each alone (Hadamard: at most 1)",
            low=0.7,
            high=1.0,
            role="limit",
            within=(0, 1),
            over="chains",
        ),
        Prediction(
            key="pairings",
            text="share of the other pairings of the same cysteines with a shorter mean path",
            low=0.1,
            role="limit",
            within=(0, 1),
            over="chains",
        ),
        Prediction(
            key="folded",
            text="relative change of the folded network's fluctuations by the bonds, mean",
            low=-0.15,
            high=0.0,
            role="limit",
            within=(-1, 0),
            over="chains",
        ),
        Prediction(
            key="cysteines",
            text="the same at the cysteines alone",
            low=-0.5,
            high=-0.15,
            role="limit",
            within=(-1, 0),
            over="chains",
        ),
    ),
)
