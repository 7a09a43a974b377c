"""The verb `kill`: one-click cancel at the gateway of a live run (I-20, I-21)."""

from pathlib import Path

import click

from quanheng.compose import kill as kills
from quanheng.compose.answering import answer


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--scope", default="*", show_default=True, help="Parts joined by commas; see docs.")
@click.option("--preview", is_flag=True, help="Only show what a pull would withdraw.")
@click.option("--release", "second_person", default="", help="End the pull: the second person.")
@click.option("--wait", default=5.0, show_default=True, help="Seconds to wait for the proof.")
@click.option("--by", required=True, help="Opaque id of the person who asks.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def kill(
    run: Path,
    scope: str,
    preview: bool,
    second_person: str,
    wait: float,
    by: str,
    lang: str,
    as_json: bool,
) -> None:
    """Withdraw everything of a scope at the gateway of a live RUN, with proof (一键撤单)."""
    if preview:
        outcome = kills.preview(run, scope, lang)
    elif second_person:
        outcome = kills.release(run, scope, by, second_person, lang)
    else:
        outcome = kills.pull(run, scope, by, wait, lang)
    result, text, ok = outcome
    answer(result, text, as_json, ok)
