"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

import plusone
from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, Table, effect
from plusone.labs.base.extra import need
from plusone.labs.base.lab import Option
from plusone.labs.posterior_collapse.claim import CLAIM, COLLAPSED
from plusone.labs.posterior_collapse.measures import held, shown
from plusone.labs.posterior_collapse.names import (
    FREE,
    GATED,
    HALF,
    LATENT,
    MOST,
    REMEDIES,
    REPAIRED,
    WIDEST,
    name_of,
    widths_of,
)
from plusone.labs.posterior_collapse.nets import FREE_BITS, Vae, Way, loss_of, pictures
from plusone.labs.posterior_collapse.pictures import figures
from plusone.labs.training import Loss, TrainConfig, train

WAYS = {
    HALF: Way(skipped=WIDEST, dropped=0.5),
    MOST: Way(skipped=WIDEST, dropped=0.9),
    GATED: Way(skipped=WIDEST, factor=0.01),
    LATENT: Way(from_latent=True),
    FREE: Way(skipped=WIDEST),
    REPAIRED: Way(skipped=WIDEST),
}
NUM_SHOWN = 5


def plan(is_full: bool) -> Plan:
    data, width, steps = ("mnist", 256, 1500) if is_full else ("digits", 128, 430)
    shared: dict[str, Option] = {"data": data, "width": width, "steps": steps}
    widths = (0, 1, 2, 4, 8, 16, 32, WIDEST, 256) if is_full else (0, 1, 4, 8, WIDEST)
    arms = [Arm(name=name_of(k), options={**shared, "skipped": k}) for k in widths]
    arms += [Arm(name=name, options=shared) for name in REMEDIES]
    return Plan(arms=tuple(arms), seeds=tuple(range(5 if is_full else 3)), data=(data,))


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    data, steps = pictures(str(arm.options["data"])), int(arm.options["steps"])
    way = WAYS.get(arm.name) or Way(skipped=int(arm.options["skipped"]))
    net = Vae(data.train.shape[1], way, width=int(arm.options["width"]))
    loss, x = loss_of(free_bits=FREE_BITS if arm.name == FREE else 0.0), data.train[::3][:256]
    if arm.name == REPAIRED:
        made = plusone.fix(net, x, x, loss, trial_steps=0).apply()
        assert isinstance(made, Vae)
        net = made
    report = plusone.scan(net, x, x, loss, quick=True, timed=False)
    bypass = report.data.end_to_end.bypass
    config = TrainConfig(steps=steps, learning_rate=3e-3, optimizer="adam", seed=seed)
    losses = train(net, data.train, data.train, config, loss_fn=cast(Loss, loss))
    found: dict[str, object] = {
        "share": float("nan") if bypass is None else float(bypass.share),
        "fires": any(f.code == "S107" for f in report.findings),
        "loss": float(np.mean(losses[-50:])),
        **held(net, data.test, seed=seed),
    }
    if arm.name in (name_of(0), name_of(WIDEST)):
        found["shown"] = shown(
            net, data.test[:: len(data.test) // NUM_SHOWN][:NUM_SHOWN], seed=seed
        )
    return found


def conclude(runs: Runs) -> Conclusion:
    widths = widths_of(runs)
    bare, wide = name_of(0), name_of(WIDEST)
    kept = {a.name: runs.of(a, "information") / runs.of(bare, "information") for a in runs.arms}
    over = {
        key: np.stack([runs.of(name_of(k), key) for k in widths], 1)
        for key in ("share", "information", "fires")
    }
    collapsed = np.stack([kept[name_of(k)] < COLLAPSED for k in widths], 1)
    spearman = need("scipy.stats").spearmanr
    pairs = zip(over["share"], over["information"], strict=True)
    measured: dict[str, Sequence[float]] = {
        "divergence": list(runs.of(wide, "divergence") / runs.of(bare, "divergence")),
        "information": list(kept[wide]),
        "active": list(runs.of(wide, "active")),
        "cheaper": list(runs.of(wide, "reconstruction") - runs.of(bare, "reconstruction")),
        "order": [float(spearman(share, nats).statistic) for share, nats in pairs],
        "warning": list((over["fires"] == collapsed).mean(1)),
        "used": list(runs.of(bare, "active")),
        "swapped": list(runs.of(bare, "swapped")),
        "one": list(kept[name_of(1)]),
        "half": list(kept[HALF]),
        "most": list(kept[MOST]),
        "latent": list(kept[LATENT]),
        "repair": list(kept[REPAIRED]),
        "gated": list(kept[GATED]),
        "free-divergence": list(runs.of(FREE, "divergence") / runs.of(bare, "divergence")),
        "free-swapped": list(runs.of(FREE, "swapped") / runs.of(bare, "swapped")),
    }
    return Conclusion(
        measured=measured,
        reading=_reading(runs, measured, widths, collapsed, kept),
        effects=tuple(
            effect(
                text,
                (f"{WIDEST} skipped", list(runs.of(wide, key))),
                ("none", list(runs.of(bare, key))),
            )
            for key, text in (
                ("information", "nats of information in the latent"),
                ("reconstruction", "nats of reconstruction a picture"),
            )
        ),
        figures=figures(runs, kept),
        tables=(_table(runs),),
    )


def _reading(
    runs: Runs,
    measured: Mapping[str, Sequence[float]],
    widths: Sequence[int],
    collapsed: np.ndarray,
    kept: Mapping[str, np.ndarray],
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    bare, wide = (
        {
            key: float(runs.mean(name_of(k), key))
            for key in ("divergence", "reconstruction", "active")
        }
        for k in (0, WIDEST)
    )
    free = float(kept[FREE].mean())
    often = collapsed.mean(0) > 0.5
    first = next((i for i in range(len(widths)) if often[i]), None)
    where = "no latent collapsed"
    if first is not None:
        shares = [float(runs.mean(name_of(widths[i]), "share")) for i in (first - 1, first)]
        where = (
            f"the latent collapses (holds less than {COLLAPSED:.0%} of its information) between "
            f"{widths[first - 1]} and {widths[first]} numbers, B "
            f"before training {shares[0]:.2f} and {shares[1]:.2f}"
        )
    wrong = [
        name
        for name in REMEDIES
        if bool((runs.of(name, "fires").mean() > 0.5) != (kept[name].mean() < COLLAPSED))
    ]
    remedied = f" (of the remedied ones it is wrong on: {', '.join(wrong)})" if wrong else ""
    misleads = mean["free-divergence"] > 2 * max(mean["free-swapped"], 0.0)
    told = "the KL alone misleads" if misleads else "the KL tells as much"
    return (
        f"Without a skip the KL is {bare['divergence']:.1f} nats with {bare['active']:.0f} active "
        f"units, with {WIDEST} numbers skipped {wide['divergence']:.2f} with {wide['active']:.0f}, "
        f"and a picture costs {bare['reconstruction']:.1f} and {wide['reconstruction']:.1f} nats: "
        f"{where}; S107 said so beforehand of {mean['warning']:.0%} of the nets without a remedy"
        f"{remedied}. Of the "
        f"information {mean['half']:.0%} stays if the skip is dropped for half of the samples, "
        f"{mean['most']:.0%} for nine tenths (but with the skip there, another picture's latent "
        f"costs {float(runs.mean(MOST, 'swapped') / runs.mean(name_of(0), 'swapped')):.0%} of what "
        f"it did), {mean['latent']:.0%} with a skip from the latent "
        f"instead, {mean['repair']:.0%} if plusone.fix closes the skip, "
        f"{max(mean['gated'], 0):.0%} if a learned factor of a hundredth stands before it, whose B "
        f"is {float(runs.mean(GATED, 'share')):.2f}: what is small grows, and S107 asks for its "
        "width as well. Free bits "
        f"bring the KL to {mean['free-divergence']:.0%} of what it was and the information to "
        f"{free:.0%}, while another picture's latent costs "
        f"{mean['free-swapped']:.0%} of what it did: {told}."
    )


def _table(runs: Runs) -> Table:
    keys = (
        "share",
        "fires",
        "divergence",
        "information",
        "told apart",
        "active",
        "swapped",
        "reconstruction",
    )
    return Table(
        title="All nets: before training B and S107, after it nats, but for the active units",
        columns=(
            "net",
            "B",
            "S107",
            "KL",
            "information",
            "told apart",
            "active",
            "swapped",
            "reconstruction",
        ),
        rows=tuple((arm.name, *(float(runs.mean(arm, key)) for key in keys)) for arm in runs.arms),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
