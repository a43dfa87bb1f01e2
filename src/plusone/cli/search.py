"""`plusone search`: where the skips of a model should go."""

from __future__ import annotations

import json as json_module
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import Parameter

from plusone.cli.configure import target_options
from plusone.cli.options import Feed, Measure, Target
from plusone.cli.output import check_files, print_notes, say_written, width, write_file
from plusone.cli.progress import shown_progress
from plusone.errors import InputError

if TYPE_CHECKING:
    from plusone.search import SearchConfig, SpaceConfig, Training
    from plusone.target import TargetOptions

    Config = TypeVar("Config", SearchConfig, SpaceConfig, Training)

_FEED = Feed()


def search(
    target: Target,
    /,
    *,
    feed: Feed = _FEED,
    loss: Annotated[
        Literal["cross-entropy", "mse", "none"] | None,
        Parameter(help="Loss in place of the target's own."),
    ] = None,
    spec: Annotated[
        str | None, Parameter(help="A TOML file with these options; the command line's come first.")
    ] = None,
    trials: Annotated[
        int | None, Parameter(help="Patterns to train, besides the baselines; 20.")
    ] = None,
    sampler: Annotated[
        Literal["theory", "tpe", "evolution", "random"] | None,
        Parameter(help="Who chooses the patterns: theory, which goes on with TPE, or another."),
    ] = None,
    steps: Annotated[int | None, Parameter(help="Steps of Adam for each pattern; 200.")] = None,
    batch: Annotated[int | None, Parameter(help="Samples a step; 64.")] = None,
    learning_rate: Annotated[float | None, Parameter(help="Of Adam; 1e-3.")] = None,
    max_span: Annotated[int | None, Parameter(help="Longest skip, in places.")] = None,
    max_skips: Annotated[int | None, Parameter(help="Most skips of a pattern.")] = None,
    max_parameters: Annotated[
        int | None, Parameter(help="Most parameters of the model with its skips.")
    ] = None,
    kinds: Annotated[
        tuple[Literal["identity", "projection"], ...] | None,
        Parameter(help="Kinds of skips; both without it.", negative=""),
    ] = None,
    scales: Annotated[
        tuple[Literal["one", "rsqrt", "zero"], ...] | None,
        Parameter(help="Factors of the branches to choose from; one without it.", negative=""),
    ] = None,
    storage: Annotated[
        str | None,
        Parameter(help="Where the study is kept and goes on from: a file, or postgresql://..."),
    ] = None,
    study: Annotated[str | None, Parameter(help="The study's name in the storage; search.")] = None,
    jobs: Annotated[
        int | None, Parameter(help="Processes at work on the study, which need --storage; 1.")
    ] = None,
    code: Annotated[
        bool, Parameter(help="Print the best pattern as code to paste.", negative="")
    ] = False,
    html: Annotated[
        str | None, Parameter(help="Write numbers and pictures as one offline HTML file.")
    ] = None,
    json: Annotated[
        str | None,
        Parameter(
            help="Write all patterns as JSON; - prints it, and nothing else.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    save: Annotated[
        str | None,
        Parameter(help="Write the best model's weights here, and the recipe beside as .json."),
    ] = None,
    quiet: Annotated[
        bool, Parameter(name=("--quiet", "-q"), help="No progress and no notes.", negative="")
    ] = False,
) -> int:
    """Try patterns of skips on a model, with theory as the guide. The target's own files stay.

    Each pattern is trained for a while on the target's batch, of which a quarter is held out for
    the score. Exit codes: 0 searched, 2 nothing can be searched or trained.
    """
    check_files({"--html": html, "--json": json, "--save": save})
    from plusone.search.spec import read_spec
    from plusone.search.study import SearchConfig

    given = SearchConfig() if spec is None else read_spec(spec)
    config = _with(
        given,
        trials=trials,
        sampler=sampler,
        storage=storage,
        name=study,
        jobs=jobs,
        space=_with(
            given.space,
            max_span=max_span,
            max_skips=max_skips,
            max_parameters=max_parameters,
            kinds=kinds,
            scales=scales,
        ),
        training=_with(
            given.training,
            steps=steps,
            batch=batch,
            learning_rate=learning_rate,
            seed=feed.seed or None,
        ),
    )
    if config.jobs > 1 and config.storage is None:
        raise InputError("--jobs needs --storage, a file or a database that the processes share")
    with redirect_stdout(sys.stderr), shown_progress(quiet=quiet) as progress:
        if progress is not None:
            progress(f"building {target}", 0.0)
        from plusone.search import search as run_search
        from plusone.target import resolve

        options = target_options(feed, measure=Measure(loss=loss), device="cpu")
        subject = resolve(target, options)
        with _workers(config.jobs - 1, target, options, config):
            result = run_search(subject, config, tell=progress)
        saved = result.save(save) if save is not None and result.tried else ()
    print_notes(subject.notes, quiet=quiet)
    say_written(*saved, quiet=quiet)
    if html is not None:
        write_file(html, result.to_html().encode(), quiet=quiet)
    if json == "-":
        print(json_module.dumps(result.numbers(), indent=2))
        return 0
    if json is not None:
        text = json_module.dumps(result.numbers(), indent=2)
        write_file(Path(json), f"{text}\n".encode(), quiet=quiet)
    from plusone.search.text import result_text

    print(result_text(result, width=width()))
    if code and result.tried:
        print(f"\n{result.code()}")
    return 0


def _with(config: Config, **given: Any) -> Config:
    """The options with those that were given in place."""
    return replace(config, **{k: v for k, v in given.items() if v is not None})


def _work(target: str, options: TargetOptions, config: SearchConfig) -> None:
    """One more worker on the study: builds the target for itself, and says nothing."""
    from plusone.search import search as run_search
    from plusone.target import resolve

    with Path(os.devnull).open("w") as nothing:
        sys.stdout = sys.stderr = nothing
        run_search(resolve(target, options), config)


@contextmanager
def _workers(
    count: int, target: str, options: TargetOptions, config: SearchConfig
) -> Iterator[None]:
    """So many processes at work on the study until this one has seen its end."""
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=_work, args=(target, options, config), daemon=True)
        for _ in range(count)
    ]
    try:
        for process in started:
            process.start()
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()
