"""The verbs `export-market` and `import-tape`: recorded markets in and out (docs/backtest.md)."""

import shutil
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.commands import Result, UsageError
from quanheng.compose.reference import FIRST_DAY, read_master
from quanheng.compose.reference import load as load_reference
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.text import table, thousands
from quanheng.duties.tables import Table, Text
from quanheng.edge.dataset_files import read_table
from quanheng.edge.market_export import MarketWriter
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.edge.tape_files import Manifest, TapeError, open_tape
from quanheng.edge.tape_import import Asked, Print
from quanheng.edge.tape_import import import_tape as write_tape
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments
from quanheng.terms.contract import Chain, build_chain
from quanheng.terms.days import clock_text, from_iso, iso, midnight
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import DAY, Day

_HEADS = {"zh": ["隔离原因", "行数"], "en": ["set aside because", "rows"]}
_WORDS = {
    "zh": (
        "行情带 {out}：{rows} 行（另有他日 {others} 行），收入 {taken} 行，隔离 {aside} 行；"
        "{contracts}/{listed} 个合约，{messages} 条消息，{first} 至 {last}；"
        "阶段取自{phases}；连续竞价静默 {gaps} 处"
    ),
    "en": (
        "tape {out}: {rows} rows ({others} of other days), {taken} taken, {aside} set aside; "
        "{contracts}/{listed} contracts, {messages} messages, {first} to {last}; "
        "phases from the {phases}; {gaps} silences in continuous trading"
    ),
}
_PHASES = {"source": "行情源", "timetable": "交易时间表"}


def export_market(run: Path, out: Path | None) -> tuple[Result, str]:
    """Write what a run's maker heard as the dataset's table `market`.

    RunError when the run kept no whole journal.
    """
    info = read_info(run)
    if info.journal != "full":
        raise RunError(f"{run}: the run kept its journal as {info.journal}, not full")
    path = out or run / "dataset" / "market.parquet"
    master = run / "files" / str(info.day) / f"reff03{info.day % 10_000:04d}.txt"
    chain = read_master(str(master), _bytes(master), info.day)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = MarketWriter(path, chain, info.day)
    decode = envelope_decoder(Maker).decode
    for frame in read_segments(run / "journal" / Maker.NAME, Maker.NAME):
        if frame.kind != INPUT:
            continue
        body = decode(frame.payload).body
        if isinstance(body, ChainTick):
            writer.tick(body)
        elif isinstance(body, UnderlyingTicks):
            writer.underlyings(body)
    writer.close()
    return {"file": str(path), "rows": writer.rows}, f"{path} {thousands(writer.rows)}"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror or error}") from error


def import_tape(
    source: Path, day: str, out: Path, master: Path | None, language: str
) -> tuple[Result, str]:
    """Make a tape of a source; TapeError, ReferenceDataError or UsageError say what is wrong."""
    try:
        on = from_iso(day)
    except ValueError as error:
        raise UsageError(f"--day: {error}") from error
    if out.exists():
        raise UsageError(f"--out {out}: it is there already")
    book = read_rulebook(on)
    whole = _chain(source, on, master)
    asked: list[Asked] = []
    prints: list[Print] = []
    if source.is_dir():
        whole = _listed(source, on, whole)
        asked, prints = _asked(source, on), _prints(source, on)
    try:
        manifest = write_tape(source, whole, book, asked, out, prints)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    result = {"tape": str(out), **msgspec.to_builtins(manifest)}
    return result, told(out, manifest, language)


def _chain(source: Path, day: Day, master: Path | None) -> Chain:
    """The contract master given, else that of the run whose dataset this is, else the shipped."""
    if master is None and source.is_dir():
        beside = source.parent / "files" / str(day) / f"reff03{day % 10_000:04d}.txt"
        master = beside if beside.exists() else None
    if master is not None:
        return read_master(str(master), _bytes(master), day)
    if day != FIRST_DAY:
        raise UsageError(f"--day {iso(day)}: give its contract master (reff03) with --master")
    return load_reference(day).chain


def _column(table: Table, name: str) -> Any:
    """Cells of a column as Python values."""
    values = table[name]
    if isinstance(values, Text):
        return [values.words[code] for code in values.codes.tolist()]
    return values.tolist()


def _listed(source: Path, day: Day, chain: Chain) -> Chain:
    """The chain of the dataset's table `contracts`; TapeError where the master contradicts it."""
    listed = read_table(source, "contracts", (day, day))
    if listed is None:
        return chain
    known = {contract.code: contract for contract in chain.contracts}
    kept = []
    names = ("contract", "strike", "unit", "limit_up", "limit_down", "previous_settle")
    for code, *values in zip(*(_column(listed, name) for name in names), strict=True):
        contract = known.get(code)
        if contract is None:
            raise TapeError(f"{source}: contracts: {code} is not in the contract master")
        for name, value in zip(names[1:], values, strict=True):
            if getattr(contract, name) != value:
                mine = getattr(contract, name)
                raise TapeError(
                    f"{source}: contracts: {code} has {name} {value}, the contract master {mine}"
                )
        kept.append(contract)
    if not kept:
        raise TapeError(f"{source}: contracts: nothing is listed on {iso(day)}")
    return build_chain(day, kept)


def _asked(source: Path, day: Day) -> list[Asked]:
    """The day's inquiries: (time, contract)."""
    asked = read_table(source, "inquiries", (day, day))
    if asked is None:
        return []
    return list(zip(_column(asked, "at"), _column(asked, "contract"), strict=True))


def _prints(source: Path, day: Day) -> list[Print]:
    """The day's trades in order of time; of one instant as the table has them.

    TapeError for a trade that cannot be.
    """
    trades = read_table(source, "trades", (day, day))
    if trades is None:
        return []
    names = ("at", "contract", "price", "qty")
    rows: list[Print] = list(zip(*(_column(trades, name) for name in names), strict=True))
    for number, (at, contract, price, qty) in enumerate(rows, 1):
        if not 0 <= at < DAY or price <= 0 or qty <= 0:
            what = f"{qty} of {contract} for {price} at {at}"
            raise TapeError(f"{source}: trades, row {number} of {iso(day)}: {what}")
    return sorted(rows, key=lambda row: row[0])


def told(out: Path, manifest: Manifest, language: str) -> str:
    """A tape's manifest for people."""
    start = midnight(manifest.day)
    phases = _PHASES[manifest.phases] if language == "zh" else manifest.phases
    text = _WORDS[language].format(
        out=out,
        rows=thousands(manifest.rows),
        others=thousands(manifest.other_days),
        taken=thousands(manifest.taken),
        aside=thousands(sum(manifest.quarantined.values())),
        contracts=manifest.contracts,
        listed=manifest.listed,
        messages=thousands(manifest.messages),
        first=clock_text(start + manifest.first),
        last=clock_text(start + manifest.last),
        phases=phases,
        gaps=len(manifest.gaps),
    )
    if not manifest.quarantined:
        return text
    rows = [[reason, thousands(count)] for reason, count in manifest.quarantined.items()]
    return f"{text}\n{table(_HEADS[language], rows)}"


def load_tape(folder: Path) -> tuple[Manifest, Chain]:
    """A whole tape's manifest and chain. TapeError or ReferenceDataError otherwise."""
    manifest = open_tape(folder)
    path = folder / "master.txt"
    return manifest, read_master(str(path), _bytes(path), manifest.day)
