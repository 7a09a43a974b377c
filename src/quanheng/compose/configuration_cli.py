"""The verbs `configuration` and `sbom`: what a node is made of, against what was approved."""

from pathlib import Path

import click
import msgspec

from quanheng.compose import configuration as work
from quanheng.compose import installed
from quanheng.compose import sbom as bills
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.document_files import WRITERS, write_document
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import write_whole
from quanheng.compose.text import table
from quanheng.config import ConfigError, read_config

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_CONFIG = file_option("--config", "Configuration of the node.")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def configuration() -> None:
    """The list of hardware, system, packages, build, settings, lines (T-06, I-49)."""


@configuration.command("list")
@_CONFIG
@click.option("--to", type=_FILE, default=None, help="Keep the list here, to be approved.")
@click.option("--document", "out", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="Write 系统软硬件配置清单 into this folder.")  # fmt: skip
@click.option("--format", "formats", default="docx", show_default=True)
@_JSON
def list_(
    config: Path | None, to: Path | None, out: Path | None, formats: str, as_json: bool
) -> None:
    """Take the list from this machine."""
    found = work.listed(read_config(config))
    files = [to] if to else []
    if to:
        work.write(found, to)
    if out:
        wanted = formats.split(",")
        for name in wanted:
            if name not in WRITERS:
                raise click.UsageError(f"--format {name!r} is none of {', '.join(WRITERS)}")
        files += write_document(work.document(found), out, f"configuration-{found.node}", wanted)
    rows = [(work.WORDS[group][0], name, value) for group, name, value in found.rows]
    text = table(("类别 group", "项目 item", "内容 value"), rows, left=3)
    told = {**msgspec.to_builtins(found), "files": [str(path) for path in files]}
    answer(told, "\n".join([text, *map(str, files)]), as_json)


@configuration.command()
@click.argument("listing", type=_FILE)
@click.option("--to", type=_FILE, required=True, help="Where the approved list is kept.")
@click.option("--by", required=True, help="Opaque id of the person.")
@click.option("--second", required=True, help="Opaque id of the second person.")
@click.option("--reason", required=True, help="The change, or the first list.")
@file_option("--people", "People and posts; the shipped ones by default.")
@_JSON
def approve(
    listing: Path, to: Path, by: str, second: str, reason: str, people: Path | None, as_json: bool
) -> None:
    """Let LISTING stand as what the node shall be; takes two people. An older list is put aside."""
    known = [one.person for one in read_people(people).people]
    for person in (by, second):
        if person not in known:
            raise ConfigError(f"{person} is not among the people of the desk and the firm")
    done = work.approve(work.read(listing), by, second, reason)
    if to.exists():
        before = work.read(to)
        work.write(before, to.with_name(f"{to.stem}-{before.at}{to.suffix}"))
    work.write(done, to)
    answer(msgspec.to_builtins(done.approval), f"{to}: {by}、{second}", as_json)


@configuration.command()
@_CONFIG
@click.option("--approved", type=_FILE, required=True)
@_JSON
def compare(config: Path | None, approved: Path, as_json: bool) -> None:
    """Hold this machine against the approved list. Exit 1 when something is not as approved."""
    wrong = work.differences(work.read(approved), work.listed(read_config(config)))
    rows = [(work.WORDS[one.group][0], one.name, one.approved or "—", one.found or "—")
            for one in wrong]  # fmt: skip
    heads = ("类别 group", "项目 item", "批准值 approved", "现值 found")
    text = table(heads, rows, left=4) if rows else "与批准清单一致 as approved"
    answer({"differences": msgspec.to_builtins(wrong)}, text, as_json, not wrong)


@click.command()
@click.option("--lock", "locks", multiple=True, type=_FILE, required=True, help="With hashes.")
@click.option("--out", type=_FILE, required=True)
@_JSON
def sbom(locks: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Write the bill of materials in CycloneDX. Exit 1 when something is not from the locks, or an
    installed file is not as it was installed.
    """
    made = bills.bill(locks)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    loose = bills.unlocked(made)
    text = f"{out}：{len(made['components'])} 个组件 components"
    if loose:
        text += f"\n不在锁定清单 not in the locks: {', '.join(loose)}"
    wrong = [*installed.altered(), *installed.strangers()]
    if wrong:
        text += f"\n与安装时不同 not as installed: {installed.sentence(wrong)}"
    result = {"file": str(out), "components": len(made["components"]), "unlocked": loose,
              "altered": [one._asdict() for one in wrong]}  # fmt: skip
    answer(result, text, as_json, not loose and not wrong)


VERBS = (configuration, sbom)
