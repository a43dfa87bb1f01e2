"""Assertions about residual blocks, for anybody's tests: `from plusone.testing import ...`.

Each raises AssertionError with a sentence that says what was found and what it usually means.
"""

from plusone.testing.contract import ResidualContract
from plusone.testing.doubly_stochastic import assert_doubly_stochastic
from plusone.testing.every_parameter_matters import assert_every_parameter_matters
from plusone.testing.expectation_preserved import assert_expectation_preserved
from plusone.testing.identity_at_init import assert_identity_at_init
from plusone.testing.invertible import assert_invertible
from plusone.testing.trainable import assert_trainable
from plusone.testing.update_bounded_in_depth import assert_update_bounded_in_depth, first_update

__all__ = [
    "ResidualContract",
    "assert_doubly_stochastic",
    "assert_every_parameter_matters",
    "assert_expectation_preserved",
    "assert_identity_at_init",
    "assert_invertible",
    "assert_trainable",
    "assert_update_bounded_in_depth",
    "first_update",
]
