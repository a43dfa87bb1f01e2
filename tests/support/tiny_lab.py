"""A lab of four runs that takes no time, and says how often each arm ran."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from plusone.labs.base import Arm, Claim, Conclusion, Figure, Lab, Plan, Prediction, Runs, Table
from plusone.labs.base.effects import effect
from plusone.labs.show.figures import BLUE, draw

CLAIM = Claim(
    name="tiny",
    title="Two is more than one",
    statement="Two is more than one.",
    equation="2 > 1",
    control="one",
    source="nobody 1900",
    predictions=(
        Prediction(key="more", text="two minus one", low=0.5, high=1.5),
        Prediction(key="one", text="one", low=0.0, high=2.0, role="control"),
        Prediction(key="end", text="a limit that is missed", low=5.0, role="limit"),
    ),
)


def plan(is_full: bool) -> Plan:
    arms = (Arm(name="one", options={"value": 1.0}), Arm(name="two", options={"value": 2.0}))
    return Plan(arms=arms, seeds=(0, 1, 2) if is_full else (0, 1))


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    if "TINY_LOG" in os.environ:
        with Path(os.environ["TINY_LOG"]).open("a") as log:
            log.write(f"{arm.name} {seed}\n")
    if os.environ.get("TINY_STOP") == f"{arm.name} {seed}":
        raise KeyboardInterrupt
    time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
    value = float(arm.options["value"]) + 0.01 * seed * (1 + (arm.name == "two"))
    return {"value": value, "row": np.asarray([value, value])}


def conclude(runs: Runs) -> Conclusion:
    one, two = runs.of("one", "value"), runs.of("two", "value")

    def paint(axes) -> None:  # type: ignore[no-untyped-def]
        axes[0].plot([0, 1], [one.mean(), two.mean()], color=BLUE)

    return Conclusion(
        measured={"more": list(two - one), "one": list(one), "end": [1.0]},
        reading=f"Two is {two.mean():.2f}.",
        effects=(effect("value", ("two", list(two)), ("one", list(one))),),
        figures=(Figure(name="line", title="A line", svg=draw(paint)),),
        tables=(Table(title="values", columns=("arm", "value"), rows=(("one", 1.0),)),),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
