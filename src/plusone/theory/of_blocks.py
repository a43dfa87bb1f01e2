"""The closed form for a net whose blocks have been measured, to set beside its gradient."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from plusone.records import NOT_MEASURED, BlockReport, Value


def closed_form(blocks: Sequence[BlockReport], trunk: Collection[str] = ()) -> Value:
    """log10(|g_in| / |g_out|) if each block met a gradient that knows nothing of it.

    A gradient of random direction is multiplied by |J|_F / sqrt(outputs) in a block, so that over
    blocks that follow one another (those of `trunk`, all if it is empty; blocks inside others do
    not count again)

        log10(|g_in| / |g_out|) = sum_l log10(|J_l|_F / sqrt(outputs of l))

    Assumes: independent blocks, each the only way on; where the measured ratio differs, gradients
    lie along the blocks' large (or small) singular directions. The standard error is that of the
    Frobenius norms. Not measured where that of a block is not. Source: as
    `predict`, with measured factors in place of those of an initialisation.
    """
    total, variance = 0.0, 0.0
    counted = [b for b in blocks if b.level == 0 and (not trunk or b.name in trunk)]
    for block in counted:
        size, ins, outs = block.jacobian.frobenius_rms, block.input_shape, block.shape
        if size.value is None or not ins or not outs:
            return NOT_MEASURED
        if size.value == 0:
            return Value.of(-math.inf)
        # Both shapes begin with the batch, or neither does: the quotient is that of one sample.
        total += math.log10(size.value) + 0.5 * math.log10(math.prod(ins) / math.prod(outs))
        variance += ((size.stderr or 0.0) / (size.value * math.log(10.0))) ** 2
    return Value.of(total, math.sqrt(variance) or None) if counted else NOT_MEASURED
