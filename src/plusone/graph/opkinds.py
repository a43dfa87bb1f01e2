"""What each ATen operation does to a signal, as far as skips are concerned: literal tables.

Names are without the overload and without the in-place underscore. An operation that no table
names counts as nonlinear, pointwise and weightless, which makes nothing a skip by mistake.
"""

from __future__ import annotations

# All numbers in their order, in another form: if the number of elements stays.
REFORMED = frozenset(
    [
        "alias",
        "view",
        "_unsafe_view",
        "reshape",
        "_reshape_alias",
        "squeeze",
        "unsqueeze",
        "flatten",
        "unflatten",
        "contiguous",
        "clone",
    ]
)

# Only the form changes: the numbers pass through, all or a part of them.
TRANSPARENT = REFORMED | frozenset(
    [
        "expand",
        "expand_as",
        "permute",
        "transpose",
        "t",
        "mT",
        "detach",
        "lift_fresh",
        "_to_copy",
        "to",
        "copy",
        "slice",
        "select",
        "split",
        "split_with_sizes",
        "chunk",
        "unbind",
        "narrow",
        "unfold",
        "as_strided",
        "roll",
        "flip",
        "native_dropout",
        "dropout",
        "alpha_dropout",
        "feature_dropout",
        "movedim",
        "repeat",
        "view_as_real",
        "view_as_complex",
        "real",
        "diagonal",
        "index_select",
        "_to_dense",
        "_conj",
        "resolve_conj",
        "empty_permuted",
        "channel_shuffle",
        "native_channel_shuffle",
        "pixel_shuffle",
        "pixel_unshuffle",
    ]
)

# Operations that keep a part of the numbers.
PARTS = frozenset(["select", "slice", "unbind", "narrow", "index_select"])

# The order of the dimensions changes.
MOVING = frozenset(["permute", "transpose", "movedim"])

# The result is made from the shape (or the type) of the operands, not from their numbers.
SHAPE_ONLY = frozenset(
    [
        "empty_like",
        "zeros_like",
        "ones_like",
        "full_like",
        "rand_like",
        "randn_like",
        "randint_like",
        "new_empty",
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty_strided",
        "bernoulli",
        "normal",
        "uniform",
        "zero",
        "fill",
        "exponential",
        "sym_size",
        "sym_stride",
        "sym_numel",
        "random",
    ]
)

# Multiplication or division by something that is not the signal is a scale; by signal, a gate.
SCALE = frozenset(["mul", "div", "neg", "multiply", "divide", "rsub"])

# Random numbers of both signs: what they multiply is noise of that size, and no signal.
NOISE = frozenset(["randn", "randn_like", "normal", "normal_functional"])

# Sums of signals: the joins of residual connections.
ADD = frozenset(["add", "sub", "lerp", "addcmul", "addcdiv"])

# Sums whose later operands are multiplied with one another before they are added.
ADD_GATED = frozenset(["addcmul", "addcdiv"])

# Sums into some positions of the first operand, where it is a signal.
ADD_AT = frozenset(["index_add", "scatter_add"])

# A choice, position by position, between two signals.
CHOICE = frozenset(["where"])

# Signals laid side by side.
CONCAT = frozenset(["cat", "concat", "stack", "hstack", "vstack"])

# Sums that carry a matrix product with them: self + a @ b.
ADD_PRODUCT = frozenset(["addmm", "baddbmm", "addbmm", "addmv", "addr"])

# Products with weights (with a parameter among the operands) or between signals.
MIXING = frozenset(
    [
        "mm",
        "bmm",
        "mv",
        "dot",
        "linear",
        "matmul",
        "convolution",
        "_convolution",
        "mkldnn_convolution",
        "conv1d",
        "conv2d",
        "conv3d",
        "embedding",
        "_embedding_bag",
        "einsum",
        "_trilinear",
        "addmm",
        "baddbmm",
        "addbmm",
        "addmv",
        "addr",
        "cudnn_convolution",
        "miopen_convolution",
        "slow_conv2d_forward",
        "_slow_conv2d_forward",
        "conv_depthwise3d",
        "_conv_depthwise2d",
        "thnn_conv2d",
        "tensordot",
        "bilinear",
        "_addmm_activation",
        "mkldnn_linear",
        "convolution_overrideable",
    ]
)

# The names that one matrix product has, by the rank of its operands and with or without a bias.
MATRIX_PRODUCTS = frozenset(
    [
        *("mm", "bmm", "mv", "linear", "matmul", "addmm", "baddbmm", "addbmm", "addmv"),
        *("_addmm_activation", "mkldnn_linear"),
    ]
)

# Operations that mix positions without weights: attention, pooling, transforms, aggregation.
FREE_MIXING = frozenset(
    [
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_attention_math",
        "_scaled_dot_product_cudnn_attention",
        "_scaled_dot_product_fused_attention_overrideable",
        "scaled_dot_product_attention",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "_adaptive_avg_pool2d",
        "_adaptive_avg_pool3d",
        "adaptive_max_pool2d",
        "max_pool2d_with_indices",
        "max_pool3d_with_indices",
        "_fft_r2c",
        "_fft_c2r",
        "_fft_c2c",
        "scatter_add",
        "scatter_reduce",
        "index_add",
        "_sparse_mm_reduce_impl",
        "segment_reduce",
        "recurrent",
        "scatter",
        "index_put",
        "lstm",
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "mkldnn_rnn_layer",
    ]
)

# Linear moves of rows: what graph networks aggregate with.
GATHERING = frozenset(
    ["index", "gather", "index_select", "scatter_add", "index_add", "scatter", "index_put"]
)

# Normalisation by statistics of the signal.
NORM = frozenset(
    [
        "native_layer_norm",
        "native_batch_norm",
        "_native_batch_norm_legit",
        "native_group_norm",
        "_native_batch_norm_legit_no_training",
        "_batch_norm_with_update",
        "cudnn_batch_norm",
        "_fused_rms_norm",
        "rms_norm",
        "_batch_norm_no_update",
        "batch_norm_with_update",
    ]
)

# Linear maps without weights that change the shape: what a parameter-free shortcut may do.
RESHAPING = frozenset(
    [
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "_adaptive_avg_pool2d",
        "_adaptive_avg_pool3d",
        "constant_pad_nd",
        "reflection_pad1d",
        "reflection_pad2d",
        "replication_pad1d",
        "replication_pad2d",
        "replication_pad3d",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "upsample_nearest3d",
        "upsample_bilinear2d",
        "upsample_bicubic2d",
        "upsample_linear1d",
        "upsample_trilinear3d",
        "_upsample_nearest_exact2d",
        "_upsample_bilinear2d_aa",
        "max_pool2d_with_indices",
        "max_pool3d_with_indices",
        "mean",
        "sum",
        "amax",
        "amin",
        "_upsample_nearest_exact1d",
        "_upsample_nearest_exact3d",
        "grid_sampler_2d",
    ]
)

# Summaries of positions. The largest of each window counts as linear here: it is a selection.
POOLING = frozenset(
    name for name in RESHAPING if "pool" in name or name in ("mean", "sum", "amax", "amin")
)

SOFTMAX = frozenset(["_softmax", "softmax", "_safe_softmax"])

ATTEND = frozenset(name for name in FREE_MIXING if "attention" in name)


def base_name(name: str) -> str:
    """The name without the underscore of its in-place form."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name
