"""Every threshold of the rules, each with its derivation. Issue by issue, labs replace guesses.

All ratios are of Euclidean norms per sample (gradient) or root mean squares (signal), log10.
"""

from __future__ import annotations

# With one learning rate for all layers, a layer whose gradient is a thousand times smaller moves
# a thousand times less: it stands still while the others finish. The same factor the other way
# makes the first layers diverge at any rate that lets the last ones learn.
GRADIENT_DECADES = 3.0

# In a plain stack with batch norm and ReLU the signal keeps its size and the gradient grows by
# sqrt(pi / (pi - 1)) = 1.21 a layer at initialisation (Yang et al. 2019, arXiv 1902.08129), and
# such nets of some tens of layers train: the weights in front of a norm have no scale, and steps
# that are too long for them lengthen them (Arora et al. 2019, arXiv 1812.03981). ConvMixer-768/32
# trains and shows 4.1 decades, the most among the healthy models of docs/faults.md. So the limit is
# higher where the signal, end to end, changes by less than a decade.
NORMED_GRADIENT_DECADES = 4.5
BOUNDED_DECADES = 1.0

# Half precision has all its digits from 6.1e-5 to 6.5e4, 4.2 decades below 1 and 4.8 above: a
# signal of size 1 that changes by more than four decades over the depth comes to the end of that,
# and a float32 softmax or loss saturates.
SIGNAL_DECADES = 4.0

# He et al. 2016 (arXiv 1512.03385, figure 4): the plain net of 18 layers trains as well as its
# residual twin, that of 34 layers worse than that of 18. More plain layers than this in a row:
PLAIN_LAYERS = 20

# The linear resolution that some path keeps. U-Nets on microscope pictures of nuclei (DSB 2018,
# intersection over union with skips and without, the latter with more parameters): one level, so
# that 1/2 is left without skips, 0.788 and 0.788; two (1/4) 0.794 and 0.772; three (1/8) 0.796 and
# 0.712; four (1/16) 0.786 and 0.497, and 0.470 with the coarsest skip alone, 0.784 with the finest.
# So 1/4 is borne and 1/8 is not, as in the literature: DeepLabV3+ brings features at 1/4 to the
# output, because DeepLabV3 at 1/8 loses boundaries (Chen et al. 2018, arXiv 1802.02611). The
# geometric mean of the two:
DETAIL = 2**-2.5

# The numbers that all ways pass, over those that come or are made. `plusone lab run attention`: a
# GRU of 64 units that writes T letters backwards out of its last state passes 1/T of what it read,
# and gets 92 % of the letters right up to T = 5, 62 % up to 8, 41 % up to 11 and 30 % up to 14,
# while with attention 92 % of the longest are right. From T = 9 on it has less than half of what
# the shortest have. Nothing in the zoo is below 1/3.
CAPACITY = 1 / 8

# The share of an autoencoder's output that comes around its latent, at initialisation.
# `plusone lab run posterior-collapse --full`, VAEs of 10 units on MNIST with k of the encoder's
# features concatenated in the decoder: at a mean B of 0.83 (k = 4) the latent keeps 82 % of its
# information after training, at 0.92 (k = 8) 56 %, at 0.97 (k = 16) 21 %, at 0.98 2 %. It has
# collapsed where less than half is kept. Net by net (0.944 keeps 53 %, 0.946 43 %, 0.951 11 %,
# 0.955 63 %; of two more seeds and other k 0.943 keeps 58 %, 0.956 52 %, 0.970 31 %) this is right
# about 52 of 55:
BYPASS = 0.95

# The numbers that can come around the latent, over its own. What is small at initialisation grows:
# VAEs of 10 units on scikit-learn's digits (`benchmarks/diagnostics.py --bypass`) keep 3.2 nats
# without a skip, 2.5 with one feature skipped, 0.5 with 4, and none with 8, 16 or 64, also where a
# learnable factor of 0.01 lets them begin at B = 0.004. On MNIST 8 (0.8 of the latent) leave 56 %
# of the information and 16 (1.6) leave 21 %. A way without noise that is as wide as the latent can
# bring all that the latent can:
BYPASS_WIDTH = 1.0

# The share of samples whose output nothing around the latent reaches. The lab's VAE on MNIST with
# 64 features skipped, these dropped for a share of the samples in training, keeps of the
# information of its latent (16.0 nats without a skip) 5 % at a tenth, 30 % at two, 49 % at three,
# 62 % at four, 75 % at five and 92 % at nine. From where it keeps half:
BYPASS_SHUT = 0.3

# A block whose branch is this many times larger or smaller than those of its nearest peers. A
# gain of 2 is to be found, one of sqrt(2) not: with that, two unit branches in a row differ where
# one adds to a fresh stream and the other to the sum of stream and branch. Their geometric mean:
PEER_FACTOR = 1.7
# Random blocks differ by chance, by some 1 / sqrt(width): 5 % at 400 units, 20 % at 24. So the
# family itself gives the noise, and a block is out of line beyond this many of its standard
# deviations. `benchmarks/faults.py --peers` counts over narrow healthy nets: at 4, a quick scan
# accuses a block in 3 of 220 and finds 166 of 220 gains of 2, a full scan 0 and 189.
PEER_DEVIATIONS = 4.0
# Four others are the fewest that give a noise; each block is compared with its nearest four.
PEER_COUNT = 5
PEER_NEIGHBOURS = 4
# Branches that end in a batch norm differ by 1 or 2 %: their size is the norm's gain.
PEER_EQUAL = 0.05

# Mean cosine between samples (or tokens): at 1 - c = 1e-4 two activations differ by the angle
# sqrt(2 (1 - c)), 1.4 % of their length; below it the input hardly decides the output.
# `plusone lab run oversmoothing` (Cora, depth 2 to 64, and digits), by 1 - c of two nodes of the
# largest component at the last block before training: nets below 1e-4 come to test accuracies of
# 0.07 to 0.27, near chance. Those from there to 8e-3 that are fifty times as alike as behind the
# first block lose their accuracy too (all 27, to 0.08 to 0.58). But torch_geometric's GIN of 4
# (4e-3, 245 times) and DeepGCNLayer of 28 (1.4e-3, 105 times) are as alike and train: what is half
# smoothed is not accused.
PARALLEL = 1e-4
# Similarity must have grown over the depth by at least this factor of 1 - c to be the net's doing.
PARALLEL_GROWTH = 100.0

# Below this calibrated probability a net is not called trainable.
EVEN = 0.5
# Where such a net ends in vectors of this mean cosine, they have become alike: an angle of 8
# degrees is left between two of them.
ALIKE = 0.99
# The narrowest block is named where the usual one has this many times its numbers.
NARROW = 4

# Float32 ends at 1e-45 and a square at 1e-38, so a zero behind something this small, against the
# size at the other end of the net, may have come about by underflow: a slope and no cut.
UNDERFLOW = 1e-25
