"""Every threshold of the rules, each with its derivation. Issue by issue, labs replace guesses.

All ratios are of Euclidean norms per sample (gradient) or root mean squares (signal), log10.
"""

from __future__ import annotations

# With one learning rate for all layers, a layer whose gradient is a thousand times smaller moves
# a thousand times less: it stands still while the others finish. The same factor the other way
# makes the first layers diverge at any rate that lets the last ones learn.
GRADIENT_DECADES = 3.0

# A gradient that fell (or grew) tenfold has left the spread of healthy nets: among the models of
# docs/zoo.md the ratio over a whole net stays within about one and a half decades. The place
# where this first happens, from the output down, is where the trouble starts.
FIRST_SIGN_DECADES = 1.0

# Half precision spans 6e-8 to 6.5e4 around 1: a signal that changes by more than four decades
# over the depth leaves it, and a float32 softmax or loss saturates.
SIGNAL_DECADES = 4.0

# He et al. 2016 (arXiv 1512.03385, figure 4): the plain net of 18 layers trains as well as its
# residual twin, that of 34 layers worse than that of 18. More plain layers than this in a row:
PLAIN_LAYERS = 20

# A block whose branch is this many times larger or smaller, against its skip, than those of its
# four nearest peers of the same structure. Sampling noise of a random block of width 64 is about
# 10 % (1 / sqrt(2 * width)); a factor of 1.7 is more than five such deviations.
PEER_FACTOR = 1.7
PEER_COUNT = 4
# The peers themselves must agree this well (largest over smallest) to be a yardstick.
PEER_AGREEMENT = 1.35

# Mean cosine between samples (or tokens): 1 - c = 1e-4 is where float32 activations of two
# inputs differ by 1 % of their length; below it the input hardly decides the output.
PARALLEL = 1e-4
# Similarity must have grown over the depth by at least this factor of 1 - c to be the net's doing.
PARALLEL_GROWTH = 100.0
