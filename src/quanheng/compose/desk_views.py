"""What the desk has set: parameters changed in a run, contracts of a day (I-11, I-16)."""

from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.reference import load as load_reference
from quanheng.compose.run_folder import RunError
from quanheng.compose.text import table
from quanheng.config import Config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.maker.setup import QUOTED, permitted, role_of
from quanheng.runtime.envelope import RaiseAlert
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.terms.codes import Alert
from quanheng.terms.days import clock_text

CHANGED = Alert.PARAMETER_CHANGED.encode()
OPENED = str(MakerOpen.__struct_config__.tag).encode()
CHANGE_COLUMNS = ("at", "scope", "name", "before", "after", "by", "seconded_by")
CONTRACT_COLUMNS = ("contract", "trading_code", "role", "permitted", "designated", "quoted")

_WORDS = {
    "zh": (
        ("时间", "范围", "参数", "原值", "新值", "经办", "复核"),
        ("合约编码", "交易代码", "角色", "许可", "指定", "报价"),
    ),
    "en": (CHANGE_COLUMNS, CONTRACT_COLUMNS),
}


def changes(run: Path) -> list[dict[str, Any]]:
    """Every setting of a run in order: of the opening (`by` is empty) and by command.

    RunError for a folder without a journal of the maker, or one whose beginning was not kept.
    """
    folder = run / "journal" / Maker.NAME
    paths = segment_paths(folder) if folder.is_dir() else []
    if not paths:
        raise RunError(f"{run}: no journal of the maker")
    if paths[0][0] != 1:
        raise RunError(
            f"{run}: the maker's journal begins at {paths[0][0]}; run with full journals"
        )
    decode = envelope_decoder(Maker).decode
    effects = msgspec.msgpack.Decoder(list[msgspec.Raw])
    alert = msgspec.msgpack.Decoder(RaiseAlert)
    found: list[dict[str, Any]] = []
    cause = b""
    for frame in read_segments(folder, Maker.NAME):
        if frame.kind == INPUT:
            cause = frame.payload
            if OPENED in cause:
                body = decode(cause).body
                if isinstance(body, MakerOpen):
                    found += [_row("", *given, "", "") for given in _opening(body)]
        elif frame.kind == EFFECTS and CHANGED in frame.payload:
            at = clock_text(decode(cause).at)
            for raw in effects.decode(frame.payload):
                if CHANGED in bytes(raw):
                    said = alert.decode(raw)
                    found.append(_row(at, said.scope, *said.args))
    return found


def _opening(body: MakerOpen) -> list[tuple[str, str, str, int]]:
    return [(scope, name, "", value) for scope, name, value in body.parameters]


def _row(*values: object) -> dict[str, Any]:
    return dict(zip(CHANGE_COLUMNS, values, strict=True))


def contracts(config: Config, master: Path | None = None) -> list[dict[str, Any]]:
    """The contracts of the reference day as a configuration would treat them."""
    chain = load_reference(FIRST_DAY, master, "").chain
    member = config.member
    opened = MakerOpen(
        day=chain.day,
        chain=chain,
        rulebook=read_rulebook(chain.day),
        maker=member.maker,
        account=member.account,
        pbu=member.pbu,
        cash=0,
        permitted=config.permitted,
        roles=tuple((item.underlying, item.role) for item in config.roles),
        designated=config.designated,
    )
    rows = []
    for one in chain.contracts:
        role, may = role_of(opened, one), permitted(opened, one)
        designated = one.code in opened.designated
        values = (one.code, one.trading_code, role, may, designated)
        quoted = may and (designated or role in QUOTED)
        rows.append(dict(zip(CONTRACT_COLUMNS, (*values, quoted), strict=True)))
    return rows


def shown(rows: list[dict[str, Any]], language: str) -> str:
    """Either list as a table for people."""
    head = CHANGE_COLUMNS if not rows or "scope" in rows[0] else CONTRACT_COLUMNS
    words = _WORDS[language][head is CONTRACT_COLUMNS]
    cells = [[_word(row[name]) for name in head] for row in rows]
    return table(list(words), cells, left=len(head))


def _word(value: object) -> str:
    return {True: "✓", False: "-"}[value] if isinstance(value, bool) else str(value)
