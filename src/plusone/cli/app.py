"""The commands by name; each is imported when it is called, so that --help stays fast."""

from __future__ import annotations

from cyclopts import App, CycloptsError

import plusone

HELP = """Show where a PyTorch model's skips run and whether signal and gradient survive its depth.

TARGET is file.py:name or package.module:name, where name is a function without arguments or an
object that gives (model, inputs) or (model, inputs, targets, loss_fn); or timm:NAME, hf:CONFIG,
tv:NAME, FILE.pt2.
"""
EXIT_CODES = "Exit codes: 0 nothing found, 1 something found, 2 could not run; see each command's."

COMMANDS = {
    "scan": "Find the skips, measure signal, gradient and Jacobians, and judge.",
    "map": "Show the structure alone: skips, blocks and paths, without weights.",
    "diff": "Compare two targets, or two reports saved with --json.",
    "predict": "Predict the gradient from depth, skip density and gain in closed form.",
    "fix": "Plan edits that make a model train, as a diff and as code, and prove them.",
    "search": "Find where the skips should go: patterns tried out with theory as the guide.",
    "landscape": "Measure the loss surface and the Hessian around a model's parameters.",
    "rule": "Explain a finding's code; without a code, list all.",
    "doctor": "Show versions, threads and which extras are missing.",
}
EXAMPLES = {
    "scan": "plusone scan nets.py:build --input 4,3,224,224 --html report.html",
    "map": "plusone map hf:path/to/config.json",
    "diff": "plusone diff before.json after.json",
    "predict": "plusone predict --depth 200 --density 0.3 --activation relu",
    "fix": "plusone fix nets.py:build --verify 100",
    "search": "plusone search examples/digits.py:layers --trials 20 --storage digits.journal",
    "landscape": "plusone landscape examples/digits.py:residual --points 25 --svg surface.svg",
    "rule": "plusone rule G201",
    "doctor": "plusone doctor",
}
EXITS = {
    "scan": "0 nothing found, 1 findings (see --fail-on) or a verdict other than trainable, 2 no "
    "verdict, or could not run.",
    "map": "0 shown, as nothing is judged; 2 could not run.",
    "diff": "0 compared, whatever differs; 2 a side could not be scanned or read.",
    "predict": "0 predicted, whatever the label; 2 the options fit no stack.",
    "fix": "0 nothing to repair, 1 there is a plan or trouble that none mends, 2 could not be "
    "judged, edited or run.",
    "search": "0 searched, whatever was found; 2 nothing can be searched or trained.",
    "landscape": "0 measured, as nothing is judged; 2 could not run.",
    "rule": "0 explained, 2 there is no such code.",
    "doctor": "0, also where extras are missing.",
}
"""What each command's exit code says; 2 is also wrong usage or a file that cannot be written."""

LAB_HELP = "Measure the field's claims about residual connections, each against a control."
LAB_COMMANDS = {
    "list": ("plusone.cli.lab:list_labs", "List the labs with their claims."),
    "run": ("plusone.cli.lab:run", "Run labs, quick or --full."),
    "check": ("plusone.cli.lab:check", "Compare the labs' verdicts with those stored."),
}
LAB_EXAMPLES = {
    "list": "plusone lab list",
    "run": "plusone lab run toy-landscape",
    "check": "plusone lab check toy-landscape",
}
LAB_EXITS = {
    "list": "0 listed.",
    "run": "0 all labs ran, whatever their verdicts; 2 one could not run.",
    "check": "0 all verdicts are those stored, 1 one differs, 2 a lab could not run.",
}


def make_app() -> App:
    """The application, with no command imported yet."""
    app = App(
        name="plusone",
        help=HELP,
        help_epilogue=_epilogue("plusone scan timm:resnet50", EXIT_CODES),
        version=f"plusone {plusone.__version__}",
        version_flags=["--version"],
        help_flags=["--help", "-h"],
        error_formatter=_one_line,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for name, summary in COMMANDS.items():
        path = f"plusone.cli.{name}:{name}"
        epilogue = _epilogue(EXAMPLES[name], f"Exit codes: {EXITS[name]}")
        app.command(path, name=name, help=summary, help_epilogue=epilogue)
    app.command(_lab_app())
    return app


def _lab_app() -> App:
    lab = App(
        name="lab",
        help=LAB_HELP,
        help_epilogue="Example: plusone lab run toy-landscape",
        help_flags=["--help", "-h"],
        version_flags=[],
        error_formatter=_one_line,
        result_action="return_value",
    )
    for name, (path, summary) in LAB_COMMANDS.items():
        epilogue = _epilogue(LAB_EXAMPLES[name], f"Exit codes: {LAB_EXITS[name]}")
        lab.command(path, name=name, help=summary, help_epilogue=epilogue)
    return lab


def _epilogue(example: str, exits: str) -> str:
    return f"Example: {example}\n\n{exits}"


def _one_line(error: CycloptsError) -> str:
    return f"error: {' '.join(str(error).split())} (see --help)"
