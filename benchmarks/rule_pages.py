"""The pages of the rules: for each code a failing model, its finding, its repair and the proof.

    python benchmarks/rule_pages.py [--only S101,G202]    # all: 4 minutes

`examples/rules/CODE.py` gives the model that breaks the rule and the same mended. Both are scanned,
and both are trained from the same three seeds, with SGD and with Adam at three learning rates each;
the page shows what came of it, also where the fault did not hurt. Writes `docs/rules/CODE.md`,
`CODE.svg` and the index.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

import plusone
from plusone.judge.rules import RULES, Rule
from plusone.records import ScanConfig
from plusone.report.sheet import sheet
from plusone.scan import scan_subject
from plusone.target import resolve

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, PAGES = ROOT / "examples" / "rules", ROOT / "docs" / "rules"
SEEDS, STEPS, BATCH = (0, 1, 2), 300, 64
RATES = {"SGD": (1e-1, 1e-2, 1e-3), "Adam": (1e-2, 1e-3, 1e-4)}
FIGURE = "Gradient and signal over depth"
# What the picture of a rule shows where gradient and signal over depth do not tell.
FIGURES = {"S101": "Skips over depth", "S104": "Skips over depth", "J401": "Jacobian of each block"}
FIGURES |= {"S105": "Skips over depth", "S106": "Skips over depth", "S107": "Skips over depth"}
FIGURES |= {"A302": "Smoothing and rank", "A303": "Smoothing and rank"}
# After the training table, what it says.
REMARKS = {
    "A301": "With SGD the sums diverge at each of the rates. Adam, which divides by the size of "
    "the gradient, learns the 34 nodes in float32 all the same.",
    "J401": "Both train alike: one odd block of ten does not decide the training here. The finding "
    "says that the model is not the one that was meant, not that it cannot be trained.",
    "S107": "Accuracy is that of the nearest class mean in the latent, of ten classes: what the "
    "latent knows of the digit, which the loss, lower with the skip, does not.",
    "S102": "Without its branches the broken net is a linear classifier, and that is nearly enough "
    "for these digits: four dead blocks do not show in the loss, which is why the finding is "
    "needed.",
}


@dataclass(frozen=True)
class Trained:
    """Training loss, and accuracy on what was trained on and on what was held out."""

    loss: float
    accuracy: float
    held_out: float


def train(make: Callable[[], object], method: str, rate: float, seed: int) -> Trained:
    """The example's model after STEPS steps; a quarter of the samples is held out."""
    torch.manual_seed(seed)
    model, inputs, targets, loss_fn = make()  # type: ignore[misc]
    is_graph = isinstance(inputs, tuple)
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
    rest, kept = order[len(order) // 4 :], order[: len(order) // 4]

    def output(which: Tensor) -> Tensor:
        return model(*inputs)[which] if is_graph else model(inputs[which])

    optimiser: torch.optim.Optimizer
    if method == "SGD":
        optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    else:
        optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(STEPS):
        chosen = rest[torch.randint(len(rest), (min(BATCH, len(rest)),), generator=generator)]
        loss = loss_fn(output(chosen), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        loss = float(loss_fn(output(rest), targets[rest]))
        if hasattr(model, "accuracy"):  # an example whose output is no class
            hits = [model.accuracy(w) for w in (rest, kept)]
        else:
            right = [output(w).argmax(-1) == targets[w] for w in (rest, kept)]
            hits = [float(found.float().mean()) for found in right]
    return Trained(loss, hits[0], hits[1])


def best(make: Callable[[], object], method: str) -> tuple[float, list[Trained]]:
    """The learning rate whose runs end with the highest mean accuracy, and those runs.

    With the lowest mean loss, where the loss asks for something else than the accuracy.
    """
    runs = {rate: [train(make, method, rate, seed) for seed in SEEDS] for rate in RATES[method]}
    is_apart = hasattr(make()[0], "accuracy")  # type: ignore[index]

    def merit(run: Trained) -> float:
        if not is_apart:
            return run.accuracy
        return -run.loss if math.isfinite(run.loss) else -math.inf

    rate = max(runs, key=lambda rate: sum(map(merit, runs[rate])))
    return rate, runs[rate]


def scan(target: str) -> plusone.Report:
    """The example as `plusone scan` sees it."""
    torch.manual_seed(0)
    return scan_subject(resolve(target), ScanConfig())


def failing_source(text: str) -> str:
    """The example up to the end of `broken`, without its docstring."""
    tree = ast.parse(text)
    end = next(n.end_lineno for n in tree.body if getattr(n, "name", "") == "broken")
    start = tree.body[0].end_lineno or 0
    return "\n".join(text.splitlines()[start:end]).strip()


def repair(text: str) -> str:
    """What differs between each broken part of the example and the mended one of its name."""
    parts = _parts(text)
    lines: list[str] = []
    for name, new in parts.items():
        old = parts.get(name.replace("mended", "broken").replace("Mended", "Broken"))
        if "ended" not in name or old is None:
            continue
        neutral = [_neutral(part).splitlines() for part in (old, new)]
        if neutral[0] != neutral[1]:
            lines += list(difflib.unified_diff(*neutral, n=99, lineterm=""))[3:]
            lines.append("")
    return "\n".join(lines).rstrip()


def _neutral(source: str) -> str:
    for word in ("broken", "mended"):
        source = source.replace(f"{word}_", "").replace(word, "model").replace(word.title(), "")
    return source


def _parts(text: str) -> dict[str, str]:
    """Functions of the module, and the methods of its classes by `Class.method`, as source."""
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.get_source_segment(text, node) or ""
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    lines = text.splitlines()[method.lineno - 1 : method.end_lineno]
                    found[f"{node.name}.{method.name}"] = "\n".join(line[4:] for line in lines)
    return found


def page(rule: Rule, example: ModuleType) -> str:
    """The whole page; its picture is written beside it."""
    text = Path(str(example.__file__)).read_text()
    file = f"examples/rules/{rule.code.lower()}.py"
    broken, mended = scan(f"{file}:broken"), scan(f"{file}:mended")
    titles = ("Broken", "Mended")
    only = (FIGURES.get(rule.code, FIGURE),)
    picture = sheet((broken.data, mended.data), only=only, titles=titles)
    (PAGES / f"{rule.code}.svg").write_text(picture + "\n")
    said = broken.to_text(format="concise", width=88).rstrip()
    rows = "\n".join(
        _row(f"{name.lower()} | {method}", best(make, method))
        for method in RATES
        for name, make in zip(titles, (example.broken, example.mended), strict=True)
    )
    remark = f"\n{REMARKS[rule.code]}\n" if rule.code in REMARKS else ""
    rates = "; ".join(f"{m} {', '.join(f'{r:g}' for r in found)}" for m, found in RATES.items())
    about = (ast.get_docstring(ast.parse(text)) or "").split(": ", 1)[1]
    return f"""# {rule.code} {rule.name}

{rule.summary} Severity: {rule.severity}.

**Why.** {rule.why}

**Fix.** {rule.fix}

**Limits.** {rule.limits}

**Reference.** {rule.reference}.

## A model that breaks the rule

{about[0].upper()}{about[1:]}

```python
{failing_source(text)}
```

```console
$ plusone scan {file}:broken --format concise
{said}
```

## The repair

```diff
{repair(text)}
```

```console
$ plusone scan {file}:mended --format concise
{mended.to_text(format="concise", width=88).rstrip()}
```

![{only[0]}, broken above and mended below]({rule.code}.svg)

## Trained

{STEPS} steps on batches of {BATCH}, three seeds, for each method the best of its learning rates
({rates}; SGD with momentum 0.9). A quarter of the samples is held out. Means over the seeds, with
the lowest and the highest.

| | method | rate | training loss | accuracy in training | accuracy held out |
|---|---|---|---|---|---|
{rows}
{remark}
Made by `python benchmarks/rule_pages.py` from [{file}](../../{file}), torch {torch.__version__}.
"""


def _row(name: str, found: tuple[float, list[Trained]]) -> str:
    rate, runs = found
    cells = [_spread([run.loss for run in runs], "{:.3g}")]
    cells += [_spread([run.accuracy for run in runs], "{:.1%}")]
    cells += [_spread([run.held_out for run in runs], "{:.1%}")]
    return f"| {name} | {rate:g} | {' | '.join(cells)} |"


def _spread(values: list[float], form: str) -> str:
    low, mean, high = min(values), sum(values) / len(values), max(values)
    return f"{form.format(mean)} ({form.format(low)} to {form.format(high)})"


def index() -> str:
    """The list of all codes, each with its page."""
    rows = "\n".join(
        f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity} | {rule.summary} |"
        for _, rule in sorted(RULES.items())
    )
    return (
        "# Rules\n\nEach finding has a stable code; its page shows a small model that breaks the "
        "rule, what a scan prints, the repair, and both trained. `plusone rule CODE` prints the "
        "same reasons in the terminal; how often faults are found and healthy models accused is "
        "in [faults](../faults.md).\n\n"
        "| code | name | severity | says |\n|---|---|---|---|\n"
        f"{rows}\n\nMade by `python benchmarks/rule_pages.py`.\n"
    )


def main() -> None:
    """Write the pages asked for, and the index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="codes, separated by commas")
    wanted = [code for code in parser.parse_args().only.split(",") if code] or sorted(RULES)
    torch.set_num_threads(1)
    sys.path.insert(0, str(EXAMPLES))
    os.chdir(ROOT)  # the pages show targets relative to it
    PAGES.mkdir(exist_ok=True)
    (PAGES / "README.md").write_text(index())
    for code in wanted:
        start = time.perf_counter()
        text = page(RULES[code], importlib.import_module(code.lower()))
        (PAGES / f"{code}.md").write_text(text)
        print(f"{code}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
