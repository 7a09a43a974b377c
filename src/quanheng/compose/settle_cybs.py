"""The participant's upload `cybs` (interfaces.md 3.10): off unless a file of the firm asks for it,
because proprietary accounts need not report.

It carries the figures after a day's settlement and is handed in on the next trading day between
15:30 and 16:30; the day in its name is the trading day after that. Derivative equity is worked out
from the clearing house's positions and settlement prices; what is not ours to know is in the file.
"""

from pathlib import Path

import msgspec

from quanheng.compose.run_folder import RunError, write_whole
from quanheng.compose.settle_job import Job
from quanheng.config import ConfigError
from quanheng.rulebook.calendar import next_trading
from quanheng.settlement.received import Theirs
from quanheng.terms.units import MONEY_PER_FEN, half_up
from quanheng.wire import records
from quanheng.wire.exchange_files import cybs_name, read_file
from quanheng.wire.fields import SUB_ACCOUNT


class Participant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the firm adds; amounts in fen."""

    code: str
    name: str
    branch: str = "00001"
    share_account_a: str = ""
    share_account_e: str = ""
    net_cash: int = 0  # paid in less taken out on the day
    securities_cash: int = 0
    margin_account_value: int = 0
    margin_account_cash: int = 0
    borrowed_cash: int = 0
    short_sold_value: int = 0
    grade: str = "4"
    buy_quota: int = 0


def read_participant(path: Path) -> Participant:
    """The firm's file. ConfigError names the file and key."""
    try:
        return msgspec.toml.decode(path.read_text(encoding="utf-8"), type=Participant)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def write_cybs(job: Job, given: Participant) -> Path:
    """Write the upload beside the settlement and read it back. RunError without a closing state,
    or for a value that does not fit its field.
    """
    if job.context is None or job.closing is None:
        raise RunError(f"{job.run_folder}: cybs needs a day whose steps all ran")
    theirs, closing = job.context.theirs, job.closing
    upload = job.next_day
    values: dict[str, int | str] = {
        "RFStreamID": "A0302", "TradingDay": upload, "ParticipantCode": given.code,
        "ParticipantName": given.name, "BizPbu": job.own.pbu, "BranchID": given.branch,
        "ContractAccount": job.own.account, "SubAccount": SUB_ACCOUNT,
        "ShareAccountA": given.share_account_a, "ShareAccountE": given.share_account_e,
        "MarginTotal": half_up(closing.cash, MONEY_PER_FEN),
        "MarginUsed": half_up(closing.margin, MONEY_PER_FEN),
        "MarginAvailable": max(0, half_up(closing.cash - closing.margin, MONEY_PER_FEN)),
        "NetCash": given.net_cash, "DerivativeEquity": derivative_equity(theirs),
        "SecuritiesValue": sum(
            half_up(units * theirs.closes.get(name, 0), MONEY_PER_FEN)
            for name, units in closing.units.items()
        ),
        "SecuritiesCash": given.securities_cash,
        "MarginAccountValue": given.margin_account_value,
        "MarginAccountCash": given.margin_account_cash, "BorrowedCash": given.borrowed_cash,
        "ShortSoldValue": given.short_sold_value, "Grade": given.grade,
        "BuyQuota": given.buy_quota,
    }  # fmt: skip
    form = records.layout("cybs")
    try:
        data = records.write(form, [tuple(values[field.name] for field in form.fields)])
    except ValueError as error:
        raise RunError(f"cybs: {error}") from error
    name = cybs_name(job.own.pbu, next_trading(job.own.rulebook.calendar, upload))
    check(name, data, theirs)
    path = job.folder / name
    write_whole(path, data)
    return path


def derivative_equity(theirs: Theirs) -> int:
    """Fen: settlement price by unit by contracts, longs less shorts, covered ones too."""
    units = {row.code: row.unit for row in theirs.contracts}
    total = sum(
        (1 if side == "L" else -1) * held.qty * theirs.settles.get(code, 0) * units[code]
        for (code, side, _), held in theirs.cleared.items()
        if code in units
    )
    return half_up(total, MONEY_PER_FEN)


def check(name: str, data: bytes, theirs: Theirs) -> None:
    """RunError when the file does not read back whole, its equity is not what the positions come
    to, or its margin does not add up.
    """
    reading = read_file(name, data)
    if reading is None or reading.quarantined or reading.records != 1:
        found = reading.quarantined[0] if reading and reading.quarantined else "no record"
        raise RunError(f"{name}: does not read back: {found}")
    form = records.layout("cybs")
    row = records.read(form, data).rows[0]
    value = {field.name: row[place] for place, field in enumerate(form.fields)}
    if value["DerivativeEquity"] != derivative_equity(theirs):
        raise RunError(
            f"{name}: DerivativeEquity {value['DerivativeEquity']}, positions come to "
            f"{derivative_equity(theirs)}"
        )
    left = int(value["MarginTotal"]) - int(value["MarginUsed"])
    if int(value["MarginAvailable"]) != max(0, left):
        raise RunError(f"{name}: MarginAvailable is not total less used")
