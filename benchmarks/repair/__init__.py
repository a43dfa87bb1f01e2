"""Can broken networks be repaired, and are healthy ones left alone?

Networks as users write them, with plain torch, on real data: `broken_*` do not train and `healthy`
do. `cases` pairs each broken one with a healthy twin on the same task and says what it is trained
with. `run` scans, repairs and trains; `report` writes docs/repair.md.

What counts as training was written down before anything was trained: at the end of the budget the
task's metric on data that were held out is at the task's level (`tasks.py`) or above. A level is
one that a sound network is known to pass early in training and that no constant prediction comes
near.
"""
