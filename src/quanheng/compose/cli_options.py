"""Options that several verbs of the command line share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def file_option(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An optional file."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, type=kind, default=None, help=help_)


def day_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What shapes a simulated day."""
    options: list[Callable[..., Any]] = [
        click.option("--scenario", default="", help="A shipped scenario or a .toml file."),
        click.option("--cadence", default="", help="Snapshot interval, e.g. 500ms or 3s."),
        click.option("--contracts", default="", help="all, near, N, or NxEXPIRIES."),
        click.option("--journal", default="", help="full, tail:N or digest."),
        click.option("--out", type=click.Path(path_type=Path), default=Path("runs")),
        click.option("--until", default="", help="Stop at HH:MM instead of the end of the day."),
        file_option("--config", "Configuration of the desk."),
        file_option("--agreement", "Market-making agreement (rules)."),
        file_option("--house", "The house's own, tighter rules."),
        file_option("--master", "Contract master (reff03) in place of the shipped one."),
        file_option("--models", "Register of released models in place of the shipped one."),
        file_option("--people", "People and posts; the shipped ones by default."),
        click.option("--lang", type=click.Choice(["zh", "en"]), default="zh"),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def person_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Who asks, and how the answer is shown."""
    options: list[Callable[..., Any]] = [
        click.option("--by", required=True, help="Opaque id of the person who asks."),
        click.option("--lang", type=click.Choice(["zh", "en"]), default="zh"),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def number_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The number of a proposal."""
    kind = click.IntRange(min=0)
    return click.option("--number", type=kind, default=0, help="Proposal number; 0 the next.")(
        function
    )
