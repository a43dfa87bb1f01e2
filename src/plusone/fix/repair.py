"""`plusone.fix`: from a model to a plan, from the plan to a repaired copy, and the proof of it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import nn
from torch.utils import _pytree as pytree

from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.fix.choose import make_plan
from plusone.fix.plan import Plan
from plusone.fix.recipe import recipe_of, save
from plusone.fix.request import Request
from plusone.fix.surgery import edited
from plusone.fix.verify import Tell, Training, Verification, verify
from plusone.records import ScanConfig
from plusone.report import Report
from plusone.scan import scan_subject
from plusone.target.subject import LossFn, Subject, subject_of


class Fix:
    """A plan for one model, and what can be done with it. Made by `plusone.fix`."""

    def __init__(self, request: Request, *, tell: Tell | None = None) -> None:
        self._request = request
        self._tell: Tell = tell or (lambda stage, share: None)

    @cached_property
    def plan(self) -> Plan:
        """The edits with their reason and forecast; printed, a diff of modules."""
        return make_plan(self._request, self._tell)

    @property
    def report(self) -> Report:
        """The scan of the model as it was given."""
        return self._request.report

    def apply(self) -> nn.Module:
        """A repaired copy of the model; the model itself is untouched. Costs one copy.

        Where the plan keeps the outputs, that is checked on the inputs, in eval mode, bit by bit.

        Raises:
            InputError: the model cannot be edited (the message is the plan's refusal).
        """
        if self.plan.refusal:
            raise InputError(f"{self.plan.target} was not edited: {self.plan.refusal}")
        model = self._request.subject.model
        made = edited(model, self.plan.edits, seed=self.plan.seed)
        if self.plan.keeps_outputs and self.plan.edits:
            _check_kept(self._request.subject, made)
        return made

    def rescan(self) -> Report:
        """The scan of the repaired copy, in quick form."""
        subject = self._request.subject
        repaired = Subject(
            name=subject.name,
            model=self.apply(),
            args=subject.args,
            kwargs=subject.kwargs,
            targets=subject.targets,
            loss_fn=subject.loss_fn,
        )
        return scan_subject(repaired, ScanConfig(seed=self.plan.seed, quick=True))

    def verify(
        self, steps: int = 100, *, learning_rate: float = 1e-3, seed: int = 0
    ) -> Verification:
        """Original and repaired copy trained side by side on the inputs, from the same seed.

        Raises:
            InputError: the model cannot be edited or trained, or the plan has no edits.
        """
        if self.plan.is_empty and not self.plan.refusal:
            raise InputError(f"there is nothing to verify: {self.plan.reason}")
        training = Training(steps=steps, learning_rate=learning_rate, seed=seed)
        return verify(self._request.subject, self.apply(), training, self._tell)

    def recipe(self) -> dict[str, object]:
        """The edits as plain data, from which `plusone.fix.load` repeats them."""
        return recipe_of(self.plan.edits, seed=self.plan.seed)

    def save(self, path: str | Path, model: nn.Module | None = None) -> tuple[Path, Path]:
        """Write the state_dict of `model` (None: a fresh repaired copy) and the recipe beside it.

        Raises:
            InputError: a file cannot be written, or the model cannot be edited.
        """
        return save(self.apply() if model is None else model, self.recipe(), path)

    def __repr__(self) -> str:
        return str(self.plan)


def fix(
    model: object,
    inputs: object = None,
    targets: object | None = None,
    loss_fn: LossFn | None = None,
    *,
    report: Report | None = None,
    preserve: bool = False,
    trial_steps: int = 150,
    seed: int = 0,
) -> Fix:
    """The repair of `model`, which is left as it is: `.plan`, `.apply()`, `.verify()`.

    `inputs`, `targets` and `loss_fn` are those of `plusone.scan`; 16 samples or more give the
    calibrated verdict. `report` is a scan of the same model and batch, else one is made. With
    `preserve`, only edits that keep the outputs bit by bit are allowed. New weights are drawn from
    `seed`. Where the scan says that the net will not train, that is confirmed by a trial of
    `trial_steps` on a copy, and so is the repair; 0 trusts the scan.
    Cost: one quick scan, a copy and a quick scan for each repair that is tried, and the trials.

    Raises:
        PlusoneError: as `plusone.scan`; or the model cannot be copied.
    """
    subject = subject_of(model, inputs, targets, loss_fn)
    if report is None:
        report = scan_subject(subject, ScanConfig(seed=seed, quick=True))
    return Fix(
        Request(
            given=model,
            subject=subject,
            report=report,
            preserve=preserve,
            seed=seed,
            trial_steps=trial_steps,
        )
    )


def fix_subject(
    subject: Subject,
    *,
    preserve: bool = False,
    trial_steps: int = 150,
    seed: int = 0,
    progress: Tell | None = None,
) -> Fix:
    """The repair of a resolved subject. `progress` is told each stage and the share done."""
    report = scan_subject(subject, ScanConfig(seed=seed, quick=True), progress)
    request = Request(
        given=subject.model,
        subject=subject,
        report=report,
        preserve=preserve,
        seed=seed,
        trial_steps=trial_steps,
    )
    return Fix(request, tell=progress)


def _check_kept(subject: Subject, made: nn.Module) -> None:
    """InputError if the edited model gives other outputs than the model, in eval mode."""
    before, after = (_outputs(subject, model) for model in (subject.model, made))
    for a, b in zip(before, after, strict=True):
        if not torch.equal(a, b):
            far = float((a - b).abs().max())
            raise InputError(
                f"the edits were to keep the outputs and change them by up to {far:g}: the model "
                "gives different outputs each time, or reads its modules' attributes; nothing was "
                "edited"
            )


def _outputs(subject: Subject, model: nn.Module) -> list[torch.Tensor]:
    with sandbox(model), torch.no_grad():
        torch.manual_seed(0)
        found = model.eval()(*subject.args, **subject.kwargs)
        return [t.clone() for t in pytree.tree_leaves(found) if isinstance(t, torch.Tensor)]
