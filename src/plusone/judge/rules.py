"""The table of rules: stable codes, what each means and what to do. Codes are never reused."""

from __future__ import annotations

from dataclasses import dataclass

from plusone.records import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; `docs/rules/CODE.md` shows a failing model and its repair.

    `limits` says what the rule does not see, and where it speaks although nothing is wrong.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    why: str
    fix: str
    limits: str
    reference: str


_TABLE = (
    Rule(
        code="S101",
        name="deep-stack-without-skip",
        severity="warning",
        summary="Many weighted layers in a row without a skip around any of them.",
        why=(
            "Each plain layer multiplies the gradient by its Jacobian; without the identity of a "
            "skip, spread in the Jacobians' singular values compounds over depth, and beyond "
            "some twenty layers even normalised plain nets train worse than shallower ones."
        ),
        fix="Put an identity skip around every one or two layers: x = x + f(x).",
        limits=(
            "Counts weighted layers in a row, not what they do to the gradient: with orthogonal "
            "weights and the right activation, plain stacks far deeper than this can be trained "
            "(Xiao et al. 2018, arXiv 1806.05393). Where the gradient fades or grows, G201 or G202 "
            "say so too."
        ),
        reference="He et al. 2016, arXiv 1512.03385, figure 4",
    ),
    Rule(
        code="S102",
        name="dead-branch",
        severity="error",
        summary="No weight in a residual branch gets any gradient, so the branch cannot learn.",
        why=(
            "The block is its skip, plus a constant at most, and stays so: a factor of zero that "
            "cannot learn, two layers in a row that are both zero, units that are off for every "
            "input, or a detached result cut the branch from the loss. One zero factor or layer "
            "that learns (ReZero, a zero last gain) is no such cut, and frozen weights are none."
        ),
        fix=(
            "Remove the constant zero or the detach, start one layer of the two at random, or "
            "lower the bias that shuts the units; to start at the identity use one learnable zero."
        ),
        limits=(
            "Asks for gradient at this batch and these parameters: a unit that is off for every "
            "sample here may be on for others. Frozen weights are never accused, nor is a branch "
            "without weights."
        ),
        reference="Bachlechner et al. 2021, arXiv 2003.04887; Lu et al. 2019, arXiv 1903.06733",
    ),
    Rule(
        code="S104",
        name="missing-skip",
        severity="warning",
        summary="A block without a skip among blocks of the same place and kind that have one.",
        why=(
            "A skip fits, and the neighbours have one: often a typing error or a wrong condition "
            "on the shape. All signal and gradient must pass through this block's branch, and "
            "every path through the net is that much longer."
        ),
        fix="Add the skip: return x + self.branch(x); where the shape changes, project x.",
        limits=(
            "Only a block of the same place and kind as its neighbours is accused; one that "
            "changes the shape, or opens a stage, is not, since architectures differ there."
        ),
        reference="Veit et al. 2016, arXiv 1605.06431, section 4.1",
    ),
    Rule(
        code="S105",
        name="lost-detail",
        severity="warning",
        summary="No way from the input to an output of its size keeps the picture's detail.",
        why=(
            "Every path passes a tensor with an eighth or less of the output's positions a side, "
            "so edges and small things have to be guessed from what surrounds them; the way down "
            "and up again is a low-pass filter. The finest skip brings nearly all of it back."
        ),
        fix=(
            "Add a long skip from a layer at half or the whole resolution to the layer of that "
            "resolution on the way up, concatenated or added; or keep the resolution by dilation, "
            "or let a pixel shuffle unfold it from the channels."
        ),
        limits=(
            "Counts positions, not what they hold: a full-resolution path with nothing on it "
            "passes. A stride that a pixel shuffle or tokens put together to pictures undo loses "
            "nothing; a transposed convolution is taken for an interpolation. Silent where the "
            "targets are the input, whose narrow code is the purpose, and not judged where the "
            "output has the input's size and no targets tell. DeepLabV3, PSPNet and FCN at output "
            "stride 8 are accused: their authors' later models add the skip."
        ),
        reference=(
            "Ronneberger et al. 2015, arXiv 1505.04597; Chen et al. 2018, arXiv 1802.02611, "
            "section 3.1"
        ),
    ),
    Rule(
        code="S106",
        name="information-bottleneck",
        severity="warning",
        summary="All ways from an input to the output pass far fewer numbers than come and go.",
        why=(
            "A few numbers have to hold all that the output may need of that input: a sentence in "
            "the last state of a recurrent encoder, a picture in one vector. What is lost there no "
            "layer behind it brings back, and the loss grows with the length of the input."
        ),
        fix=(
            "Let the output's positions read the input's: attention over the encoder's states, or "
            "skips around the narrow place; else widen it."
        ),
        limits=(
            "Counts numbers, not what they need to hold: a summary of few facts may be narrow. "
            "What is small itself, an input or an output, needs no more; many logits count as what "
            "their last layer reads, so a code that one layer decodes is not seen. Of a second "
            "input, as a picture's style, one vector may be meant. Silent where the targets are "
            "the input, and not judged where nothing tells an autoencoder from other nets."
        ),
        reference=(
            "Cho et al. 2014, arXiv 1409.1259; Bahdanau et al. 2015, arXiv 1409.0473; "
            "Menger 1927 (vertex cuts)"
        ),
    ),
    Rule(
        code="S107",
        name="bypassed-latent",
        severity="warning",
        summary="All that an autoencoder gives back can come around its latent.",
        why=(
            "A skip from the encoder to the decoder brings the input along more cheaply than the "
            "latent does, so the loss falls and the latent holds nothing: the posterior of a VAE "
            "collapses to its prior, and samples from the prior have no input to skip from."
        ),
        fix=(
            "Take the skip away (`plusone fix` closes those that modules hold), or drop it for "
            "most samples in training; let it start at the latent, where it loses nothing."
        ),
        limits=(
            "Speaks where the way around is as wide as the latent, or narrower and yet brings "
            "95 % of what the output varies by (at these parameters, to first order, of four "
            "samples or more). Targets are the input also where they are scaled, shifted or "
            "rounded (a correlation of 0.99995 over "
            "the samples; of 0.9 where noise is drawn). A latent is a sum with "
            "noise that holds at most half of the input's "
            "numbers; without noise, the narrowest layer, and only where the targets are the "
            "input, since with other targets such skips make a U-Net. A decoder that reads the "
            "tokens it has written is not looked at. Free bits raise the KL and not "
            "the use of the latent. Silent where three samples in ten or more do without what "
            "comes around, as where a skip is dropped in training: scan in train mode."
        ),
        reference=(
            "Bowman et al. 2016, arXiv 1511.06349; Dieng et al. 2019, arXiv 1807.04863; Alemi et "
            "al. 2018, arXiv 1711.00464"
        ),
    ),
    Rule(
        code="G201",
        name="vanishing-gradient",
        severity="error",
        summary="The gradient at the first block is a thousand times smaller than at the last.",
        why=(
            "The product of the blocks' Jacobians shrinks; the first blocks learn that much more "
            "slowly than the last, with any one learning rate."
        ),
        fix=(
            "Give the blocks identity skips, or keep the gain of each block at 1: He or "
            "orthogonal initialisation for the activation in use, or a normalisation."
        ),
        limits=(
            "At initialisation, for one batch, end to end: it says nothing of later epochs. Adam "
            "and other optimisers that divide by the gradient's size bear more decades than SGD. "
            "Of a GAN's critic it tells what depth does to the generator's gradient, and not that "
            "a critic which is sure of all its samples gives none: a ratio sees no saturation."
        ),
        reference="He et al. 2016, arXiv 1603.05027, equation 5; Glorot and Bengio 2010",
    ),
    Rule(
        code="G202",
        name="exploding-gradient",
        severity="error",
        summary="The gradient at the first block is a thousand times larger than at the last.",
        why=(
            "The product of the blocks' Jacobians grows; a step that suits the last blocks throws "
            "the first ones away. Where norms keep the signal's size, the limit is higher: they "
            "let the gradient grow a little in each plain layer, and the weights in front of "
            "them bear it."
        ),
        fix=(
            "Scale each branch by 1/sqrt(number of blocks), start it at zero (ReZero, zero last "
            "gain), or normalise its input; without skips, lower the gain of the initialisation."
        ),
        limits=(
            "At initialisation, for one batch, end to end: a warm-up of the learning rate or "
            "clipping can carry a net over it. Where a norm keeps the signal's size, more is "
            "allowed."
        ),
        reference="Zhang et al. 2019, arXiv 1901.09321; De and Smith 2020, arXiv 2002.10444",
    ),
    Rule(
        code="G203",
        name="collapsed-gradient",
        severity="error",
        summary="The first block hears the same gradient, whatever is asked for at the output.",
        why=(
            "The Jacobian from the first block to the output has come down to few directions; its "
            "size may be perfect, and still the first layers can learn only what lies along them."
        ),
        fix=(
            "Widen the narrow layer where one is named; else keep the blocks' Jacobians near "
            "isometries: identity skips with small branches, or orthogonal weights."
        ),
        limits=(
            "Speaks where the calibrated verdict says that training is unlikely and no other rule "
            "says why; takes 16 samples. A net whose outputs are few by nature is asked where its "
            "last layer reads. Fitted on small nets trained for 150 steps (docs/trainability.md)."
        ),
        reference="Saxe et al. 2014, arXiv 1312.6120; Pennington et al. 2017, arXiv 1711.04735",
    ),
    Rule(
        code="A301",
        name="growing-signal",
        severity="warning",
        summary="The signal grows by more than four decades over the depth.",
        why=(
            "Activations leave the range of half precision and saturate what follows (softmax, "
            "loss); the last blocks drown the first ones' part in the stream."
        ),
        fix="Scale the branches (1/sqrt(depth), LayerScale) or normalise the stream.",
        limits=(
            "Looks at the root mean square from the first block to the last: one unit that grows "
            "is not seen. A pre-norm stream may grow with the root of the depth, which is far "
            "below the limit."
        ),
        reference="De and Smith 2020, arXiv 2002.10444, section 2",
    ),
    Rule(
        code="A304",
        name="fading-signal",
        severity="warning",
        summary="The signal shrinks by more than four decades over the depth.",
        why="What reaches the head is its biases; the input hardly matters.",
        fix="Raise the gain of the initialisation to 1, or add skips or a normalisation.",
        limits=(
            "Looks at the root mean square from the first block to the last. An output that is "
            "small on purpose, as that of a diffusion model's last layer, lies behind the last "
            "block and does not count."
        ),
        reference="He et al. 2015, arXiv 1502.01852, equation 10",
    ),
    Rule(
        code="A302",
        name="over-smoothing",
        severity="warning",
        summary="Tokens or nodes of one sample have become parallel over the depth.",
        why=(
            "Mixing averages neighbours; after many layers all positions carry the same vector "
            "and nothing local can be read off."
        ),
        fix="Use an initial residual (GCNII), a scaled skip, fewer mixing layers, or a norm.",
        limits=(
            "Compares the positions of one sample by their cosines, or the nodes of a graph's "
            "largest component, so a large common part (a position's mean, a bias) hides what "
            "still differs; inputs that were alike from the start are not accused. Dropout draws "
            "positions apart: a model in train mode that has some is to be scanned in eval mode. "
            "Where a block ends at a graph's edges, the nodes that its messages add up to are "
            "compared. Nodes that differ by their degree alone count as different."
        ),
        reference="Li et al. 2018, arXiv 1801.07606; Dong et al. 2021, arXiv 2103.03404",
    ),
    Rule(
        code="A303",
        name="parallel-inputs",
        severity="warning",
        summary="Different samples have become parallel over the depth.",
        why=(
            "Two inputs that look alike at the last block cannot be told apart by the head, "
            "however healthy the gradient's norm is."
        ),
        fix="Add skips or scale the branches down; use an initialisation at the edge of chaos.",
        limits=(
            "Compares samples by their cosines: a common part that is much larger than the "
            "differences looks like it, although a norm in the head may still tell them apart. "
            "Samples alike from the start are not accused."
        ),
        reference="Schoenholz et al. 2017, arXiv 1611.01232",
    ),
    Rule(
        code="A305",
        name="lost-geometry",
        severity="error",
        summary="The last layer cannot tell from what it reads how the samples lie to each other.",
        why=(
            "Depth has sent all samples to one place, or scattered them as if each were like no "
            "other; either way the head finds classes that are no longer together, and what it "
            "learns does not carry over to the layers below."
        ),
        fix=(
            "Add skips or scale the branches down, so that each block moves the samples little; "
            "initialise at the edge of chaos for the activation in use."
        ),
        limits=(
            "Speaks where the calibrated verdict says that training is unlikely and no other rule "
            "says why; takes 16 samples that differ as real data do: of noise in many dimensions "
            "any net keeps the geometry. Fitted on small nets trained for 150 steps "
            "(docs/trainability.md)."
        ),
        reference="Schoenholz et al. 2017, arXiv 1611.01232; Cortes et al. 2012 (alignment)",
    ),
    Rule(
        code="J401",
        name="block-out-of-line",
        severity="warning",
        summary="One block's branch is far stronger or weaker than those of its peers.",
        why=(
            "Blocks of the same structure and initialisation have the same gain, up to chance; "
            "one that is further off than chance was initialised, scaled or loaded differently. "
            "In a trained net that may be what it learned."
        ),
        fix="Look at this block's weights and scale: an initialiser or a checkpoint missed it.",
        limits=(
            "Needs five blocks of one structure, and compares each with its nearest four. Narrow "
            "nets differ by chance: below 32 units or so a factor of 2 can be missed "
            "(docs/faults.md). A quick scan sees only the branch's output, a full one also its "
            "Jacobian."
        ),
        reference="Zhang et al. 2019, arXiv 1901.09321, section 3",
    ),
    Rule(
        code="N501",
        name="non-finite",
        severity="error",
        summary="The signal or the gradient is infinite or not a number.",
        why=(
            "An infinity or NaN in the forward or backward spoils every parameter in one step. "
            "The block named is the first that turns finite numbers into something else."
        ),
        fix=(
            "Look at the named block first: NaN in its weights, a division by zero, a logarithm "
            "or square root at zero, an overflow in half precision."
        ),
        limits=(
            "Only what this batch reaches: a division by zero that another batch would meet is not "
            "seen. Infinities inside a block that are masked at once, as in attention, are none."
        ),
        reference="IEEE 754; Micikevicius et al. 2018, arXiv 1710.03740",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _TABLE}
