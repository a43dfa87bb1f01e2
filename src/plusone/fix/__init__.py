"""Repair a model: a plan of edits from what a scan finds, applied to a copy, and proven.

>>> repair = plusone.fix(model, inputs, targets, loss_fn)      # doctest: +SKIP
>>> print(repair.plan)                                         # doctest: +SKIP
>>> repaired = repair.apply()                                  # doctest: +SKIP
"""

from plusone.fix.plan import Considered, Forecast, Plan, Predicted
from plusone.fix.recipe import load
from plusone.fix.repair import Fix, fix
from plusone.fix.verify import Verification

__all__ = ["Considered", "Fix", "Forecast", "Plan", "Predicted", "Verification", "fix", "load"]
