"""The field's claims about residual connections, each measured on real data with a control arm.

>>> from plusone.labs import run_lab
>>> result = run_lab("toy-landscape")        # doctest: +SKIP
"""

from plusone.labs.base import LabResult, RunConfig, run_lab
from plusone.labs.index import LABS

__all__ = ["LABS", "LabResult", "RunConfig", "run_lab"]
