"""`quanheng inspect RUN`: the 52 items of appendix 4 with their evidence, as a bundle (L-04)."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from quanheng.compose.answering import answer
from quanheng.compose.commands import UsageError
from quanheng.compose.inspection_bundle import result, write_bundle
from quanheng.compose.inspection_items import KINDS
from quanheng.compose.inspection_look import source_tree
from quanheng.compose.inspection_paper import FILE, STATES, summary
from quanheng.compose.inspection_place import MISSING, Finding, Place
from quanheng.compose.text import table

FOLDER = "inspection"
_WHERE = click.Path(path_type=Path)
_DIR = click.Path(file_okay=False, path_type=Path)


class InspectGroup(click.Group):
    """`inspect RUN` is `inspect items RUN`; every other verb of the group keeps its name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb, or the items when the first word is none but a folder's name."""
        if args and args[0] not in self.commands and Path(args[0]).exists():
            args = ["items", *args]
        return super().resolve_command(ctx, args)


@click.command("items")
@click.argument("run", type=_WHERE)
@click.option("--store", "where", envvar="QUANHENG_PEOPLE", default="", help="People store.")
@click.option("--key", type=_WHERE, envvar="QUANHENG_PEOPLE_KEY", default=None, help="Its key.")
@click.option("--papers", type=_DIR, default=None, help="Folder of the signed documents.")
@click.option("--drills", type=_DIR, default=None, help="Drills by name; `drills` beside RUN.")
@click.option("--source", type=_DIR, default=None, help="Source tree with tests and documents.")
@click.option("--sample", is_flag=True, help="A labelled sample firm, drills and settlement.")
@click.option("--out", type=_DIR, default=None, help="The bundle; RUN/inspection.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def items(
    run: Path, where: str, key: Path | None, sample: bool, lang: str, as_json: bool, **asked: Any
) -> None:
    """The 52 items of the exchange's inspection (appendix 4) with evidence from a RUN.

    Writes the working paper, an index with hashes and the evidence into a folder; exit 1 while an
    item lacks evidence.
    """
    if sample and where:
        raise UsageError("--sample makes a store of its own: leave --store out")
    bundle = asked["out"] or run / FOLDER
    with ExitStack() as stack:
        store, papers, drills = None, asked["papers"], asked["drills"]
        if sample:
            from quanheng.compose.inspection_sample import sample_firm

            firm = sample_firm(run, bundle.with_name(f"{bundle.name}-sample"), drills)
            where, papers, drills = firm.store, firm.papers, firm.drills
        if where:
            from quanheng.compose.people_access import opened

            store = stack.enter_context(opened(where, key, None))
        place = Place(
            run, store=store, source=asked["source"] or source_tree(), drills=drills,
            papers=papers, bundle=bundle, sample=sample,
        )  # fmt: skip
        found = write_bundle(place)
        told = result(place, found)
    told["out"] = str(bundle)
    answer(told, _text(found, bundle, lang), as_json, told["ok"])


_HEADS = {
    "zh": ["编号", "检查内容", "情况", "证据"],
    "en": ["item", "text", "state", "evidence"],
}
_WIDE = 34


def _text(found: list[Finding], bundle: Path, lang: str) -> str:
    """The table of the items, then what each of them lacks, a line each."""
    cells, lacking = [], []
    for one in found:
        lost = [piece for piece in one.pieces if piece.state == MISSING]
        text = one.item.text if len(one.item.text) <= _WIDE else one.item.text[:_WIDE] + "…"
        state = STATES[one.state] if lang == "zh" else one.state
        shown = f"{len(one.pieces) - len(lost)}/{len(one.pieces)}"
        cells.append([one.item.id, text, state, shown])
        lacking += [f"{one.item.id} {KINDS[p.kind]} {p.words}：{p.said}" for p in lost]
    count = sum(one.holds for one in found)
    end = f"{count} of {len(found)} items with evidence" if lang == "en" else summary(found)
    rows = table(_HEADS[lang], cells, left=3)
    return "\n".join([rows, "", *lacking, *([""] if lacking else []), end, str(bundle / FILE)])
