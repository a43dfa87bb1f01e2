"""`plusone fix`: from findings to a plan of edits, and the proof of it."""

from __future__ import annotations

import json as json_module
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from plusone.cli.configure import target_options
from plusone.cli.options import Feed, Measure, Target
from plusone.cli.output import print_notes, say_written, width, write_file
from plusone.cli.progress import shown_progress
from plusone.errors import CaptureError, InputError

if TYPE_CHECKING:
    from plusone.fix import Fix, Plan, Verification

_FEED = Feed()


def fix(
    target: Target,
    /,
    *,
    feed: Feed = _FEED,
    loss: Annotated[
        Literal["cross-entropy", "mse", "none"] | None,
        Parameter(help="Loss in place of the target's own, of random targets if it has none."),
    ] = None,
    preserve: Annotated[
        bool,
        Parameter(help="Only edits that keep the outputs bit by bit.", negative=""),
    ] = False,
    verify: Annotated[
        int | None,
        Parameter(help="Train original and repaired model for so many steps, side by side."),
    ] = None,
    trial: Annotated[
        int, Parameter(help="Most steps of the trial that confirms a plan; 0 trusts the scan.")
    ] = 150,
    code: Annotated[
        bool,
        Parameter(
            help="Print the plan as code to paste; what --verify found follows as comments.",
            negative="",
        ),
    ] = False,
    json: Annotated[
        str | None,
        Parameter(
            help="Write the plan as JSON; - prints it, and nothing else.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    save: Annotated[
        str | None,
        Parameter(help="Write the repaired model's weights here, and the recipe beside as .json."),
    ] = None,
    quiet: Annotated[
        bool, Parameter(name=("--quiet", "-q"), help="No progress and no notes.", negative="")
    ] = False,
) -> int:
    """Plan edits that make the model train, and prove it. The target's own files stay as they are.

    Exit codes: 0 nothing to repair, 1 there is a plan or trouble that none mends, 2 the model
    cannot be judged, edited or run.
    """
    _check(verify, trial, save, json)
    with redirect_stdout(sys.stderr), shown_progress(quiet=quiet) as progress:
        if progress is not None:
            progress(f"building {target}", 0.0)
        from plusone.fix.repair import fix_subject
        from plusone.target import resolve

        measure = Measure(loss=loss)
        subject = resolve(target, target_options(feed, measure=measure, device="cpu"))
        try:
            repair = fix_subject(
                subject,
                preserve=preserve,
                trial_steps=trial,
                seed=feed.seed,
                progress=progress,
            )
            plan = repair.plan
            can_apply = bool(plan.edits) and not plan.refusal
            proof = repair.verify(verify) if verify is not None and can_apply else None
            saved = repair.save(save) if save is not None and can_apply else ()
        except SystemExit as error:  # it would end plusone with the model's own exit code
            raise CaptureError(
                f"the code of {target} called sys.exit({error.code!r}) in its forward"
            ) from error
    print_notes((*subject.notes, *_undone(plan, verify, save)), quiet=quiet)
    say_written(*saved, quiet=quiet)
    _print(repair, proof, code=code, json=json, quiet=quiet)
    if plan.refusal:
        raise InputError(f"{plan.target} was not edited: {plan.refusal}")
    if plan.edits or plan.reason.startswith("nothing to repair"):
        return int(bool(plan.edits))
    return 2 if repair.report.verdict is None else 1


def _undone(plan: Plan, verify: int | None, save: str | None) -> tuple[str, ...]:
    """What was asked for and there is nothing to do it with."""
    if plan.edits or plan.refusal:  # a refusal is an error, and says so itself
        return ()
    asked = (("--verify", verify, "trained"), ("--save", save, "wrote"))
    return tuple(
        f"{option} {done} nothing, because the plan has no edits"
        for option, value, done in asked
        if value is not None
    )


def _check(verify: int | None, trial: int, save: str | None, json: str | None) -> None:
    """Raises before anything is built where an option cannot be followed."""
    if verify is not None and verify < 1:
        raise InputError(f"--verify is {verify}; it must be 1 or more")
    if trial < 0:
        raise InputError(f"--trial is {trial}; it must be 0 or more")
    for option, file in (("--save", save), ("--json", json)):
        if file not in (None, "-") and not Path(str(file)).parent.is_dir():
            raise InputError(f"{option} {file}: there is no folder '{Path(str(file)).parent}'")
    if save is not None and Path(save).suffix == ".json":
        raise InputError(f"--save {save} is the recipe's name; use another suffix, such as .pt")
    if save is not None and json is not None and Path(save).with_suffix(".json") == Path(json):
        raise InputError(
            f"--json {json} is where --save {save} writes its recipe; use another name"
        )


def _print(
    repair: Fix, proof: Verification | None, *, code: bool, json: str | None, quiet: bool
) -> None:
    from plusone.fix.curves import curves_text
    from plusone.fix.numbers import plan_numbers
    from plusone.fix.text import plan_text

    plan = repair.plan
    if json is not None:
        text = json_module.dumps(plan_numbers(plan, repair.recipe(), proof), indent=2)
        if json == "-":
            print(text)
            return
        write_file(json, f"{text}\n".encode(), quiet=quiet)
    if code:
        print(plan.code or f"# {plan.reason}")
        if proof is not None:
            print("\n" + textwrap.indent(curves_text(proof, width=min(width(), 100) - 2), "# "))
        return
    print(plan_text(plan, width=min(width(), 100)))
    if plan.edits and proof is None and not plan.refusal:
        print("\n--code prints it as code to paste, --verify 100 trains both models side by side")
    if proof is not None:
        print(f"\n{curves_text(proof, width=min(width(), 100))}")
