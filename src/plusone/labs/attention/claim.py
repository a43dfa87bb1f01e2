"""What the lab claims, and what was predicted before anything was trained.

Decay. A step of a GRU is h' = (1 - z) n + z h. With the small weights at the start z is about 1/2,
so that dh'/dh = I/2 + W/4 with W uniform within 0.1: its root mean square is 1/2 and a little more,
-0.3 decades a step. The way from the last of n words written to the first of n read has n - 1 steps
of the encoder and n of the decoder. With attention it has one: a share 1/n of the attention, which
is about uniform at the start. The first run refuted -0.3, which stays: over many steps the largest
eigenvalue of W decides and not its root mean square. Its modulus is about 0.1 sqrt(width / 3) (the
circular law), and the law that follows stands beside it, added then. An earlier experiment of a
GRU of 96 units that copied without attention had 66, 56, 40, 34 and 19 % of the tokens right up to
8, 12, 16, 20 and 40 tokens.

A review added letters to the full mode, what they say of S106's threshold, and the repair's size.
In translation no net is trained out: twice the steps at 0.003 (one seed) bring BLEU with attention
from 18 to 26 at the shortest sentences and from 11 to 18 at the longest, without it from 10 to 12
and from 5 to 6.
"""

from __future__ import annotations

from plusone.labs.base import NOT_NEGATIVE, Claim, Prediction

CLAIM = Claim(
    name="attention",
    title="Attention against a fixed context",
    statement=(
        "Where all of a sentence has to pass through the encoder's last state, quality falls with "
        "its length and the gradient to its first word dies; attention, a skip from each position "
        "of the source to each of the target, ends both."
    ),
    equation="c_i = sum_j a_ij h_j; layers from the first word to the last: 2 n + 1 against 3",
    control=(
        "the same recurrent nets, the one without attention widened to the same number of "
        "parameters, on the same batches; in full mode the better of two learning rates by "
        "training loss for each net"
    ),
    source="Sutskever et al. 2014, arXiv 1409.3215; Bahdanau et al. 2015, 1409.0473; Luong 2015",
    predictions=(
        Prediction(
            key="gap",
            text="quality at the longest sentences, attention minus fixed context (letters: share "
            "of tokens right; translation: BLEU / 100)",
            low=0.05,
            within=(-1, 1),
        ),
        Prediction(
            key="widening",
            text="that gap minus the one at the shortest sentences",
            low=0.02,
            within=(-2, 2),
        ),
        Prediction(
            key="level",
            text="quality with attention, shortest minus longest sentences",
            high=0.1,
            within=(-1, 1),
        ),
        Prediction(
            key="decay-fixed",
            text="decades of the gradient from the last output to the first input for each step "
            "between them, fixed context, at the start (theory: -0.3)",
            low=-0.36,
            high=-0.24,
        ),
        Prediction(
            key="decay-attention",
            text="power of the length in that gradient with attention (theory: -1)",
            low=-1.5,
            high=-0.5,
        ),
        Prediction(
            key="paths-fixed",
            text="layers by which the shortest path from the first input to the last output grows "
            "with each word, fixed context",
            low=2,
            high=2,
        ),
        Prediction(key="paths-attention", text="the same with attention", low=0, high=0),
        Prediction(
            key="warning",
            text="share of nets where S106 information-bottleneck fires just if there is no "
            "attention, at 20 words",
            low=1,
            high=1,
            within=(0, 1),
        ),
        Prediction(
            key="parameters",
            text="parameters without attention over those with it",
            low=0.99,
            high=1.01,
            role="control",
        ),
        Prediction(
            key="short",
            text="quality with attention at the shortest sentences",
            low=0.15,
            role="control",
            within=(0, 1),
        ),
        Prediction(
            key="decay-law",
            text="that rate of the fixed context less log10(1/2 + 0.1 sqrt(width / 3) / 4)",
            low=-0.03,
            high=0.03,
            role="limit",
        ),
        Prediction(
            key="repair",
            text="share of the gap at the longest sentences that plusone.fix closes",
            low=0.5,
            role="limit",
        ),
        Prediction(
            key="short-gap",
            text="quality at the shortest sentences, attention minus fixed context",
            low=-0.05,
            high=0.05,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="letters",
            text="share of letters right at the longest, to be written backwards, attention minus "
            "fixed context",
            low=0.2,
            role="limit",
            within=(-1, 1),
        ),
        Prediction(
            key="above",
            text="letters right with a fixed context of 6 to 8, which S106 does "
            "not accuse, over those of 3 to 5",
            low=0.5,
            role="limit",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="below",
            text="the same of 9 to 11, the first that S106 accuses (1/9 of what is read)",
            high=0.5,
            role="limit",
            within=NOT_NEGATIVE,
        ),
        Prediction(
            key="repair-size",
            text="parameters of what plusone.fix makes over those before",
            high=1.15,
            role="limit",
        ),
    ),
)
