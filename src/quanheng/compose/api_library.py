"""The library of a run for programs: tables the screen has no channel for, and its reports.

Each table is the maker's own state at the end of the run, or a record of the run; a table of a
record that was not made yet is empty. Money is yuan, whole; quantities are contracts or fund units.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quanheng.books import margin_use
from quanheng.compose.console_source import RunSource
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import RunError
from quanheng.compose.settle_record import Ledger
from quanheng.desk.people.rules import FIRM, read_rules
from quanheng.desk.ports import END, Ask, Report, SourceError, Table
from quanheng.maker import columns as c
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.instruction_state import Kind
from quanheng.maker.lifecycle import Life
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import State
from quanheng.terms.days import clock_text
from quanheng.terms.units import MONEY_PER_YUAN

Lines = list[list[Any]]
COLUMNS: dict[str, tuple[str, ...]] = {
    "positions": ("contract", "name", "underlying", "kind", "strike", "last_day", "unit", "long",
                  "short", "covered", "bought_open_today", "traded_today"),
    "margin": ("contract", "name", "underlying", "short", "margin_each", "margin"),
    "inventory": ("underlying", "units", "locked", "locked_today", "hedge_units", "sellable",
                  "option_long", "option_short", "option_covered"),
    "exercise": ("client_id", "kind", "contract", "qty", "life", "by", "seconded_by", "sent_at"),
    "clearing": ("step", "status", "open_cases", "note", "signed_by"),
    "strategies": ("kind", "code", "version"),
    "people": ("person", "posts", "classes", "on_duty"),
    "rights": ("post", "words", "account", "right"),
}  # fmt: skip
"""Columns of each table, in order."""


class RunLibrary:
    """See `desk.ports.Library`. `posts` is the file of people of the run's authority."""

    def __init__(self, source: RunSource, posts: Path | None = None) -> None:
        self._source, self._posts = source, posts
        self._hashes: dict[tuple[str, int, int], str] = {}
        self._makers: dict[str, Callable[[State, MakerOpen], Lines]] = {
            "positions": _positions, "margin": _margin, "inventory": _inventory,
            "exercise": _exercise, "strategies": _strategies,
            "clearing": lambda state, opened: self._clearing(),
            "people": lambda state, opened: self._people(state),
            "rights": lambda state, opened: _rights(),
        }  # fmt: skip

    def names(self) -> Sequence[str]:
        """See the port."""
        return (*self._source.table_names(), *self._makers)

    def table(self, name: str, ask: Ask) -> Table:
        """See the port."""
        state = self._source.latest()
        if name not in self._makers:
            return self._source.table(END, name, ask)
        assert state.opened is not None, "loaded"
        lines = self._makers[name](state, state.opened)
        if ask.find:
            lines = [line for line in lines if any(ask.find in str(cell) for cell in line)]
        part = lines[ask.offset : ask.offset + ask.limit]
        return Table(COLUMNS[name], part, len(lines))

    def reports(self) -> Sequence[Report]:
        """See the port."""
        return [self._report(path) for path in self._files()]

    def report(self, name: str) -> bytes:
        """See the port."""
        for path in self._files():
            if path.name == name:
                return path.read_bytes()
        raise SourceError(f"there is no report {name!r}")

    def _files(self) -> list[Path]:
        """The run's own files, no links and nothing above them."""
        folder = self._source.run / "reports"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path for path in found if path.is_file() and not path.is_symlink()]

    def _report(self, path: Path) -> Report:
        stat = path.stat()
        key = (path.name, stat.st_size, stat.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        return Report(path.name, stat.st_size, self._hashes[key])

    def _clearing(self) -> Lines:
        """The checklist of the day's settlement; empty before `quanheng settle`."""
        folder = self._source.run / "settlement"
        if not (folder / "record.jsonl").exists():
            return []
        try:
            record = Ledger(folder, self._source.log.info.day).record
        except RunError as error:
            raise SourceError(str(error)) from error
        return [
            [name, str(one.status), len(record.open_cases(name)), one.note, one.signed_by]
            for name, one in record.steps.items()
        ]

    def _people(self, state: State) -> Lines:
        """Opaque ids and posts of the run's authority; names stay in the store of people."""
        duty = state.scopes.duty
        return [
            [one.person, list(one.posts), list(one.classes),
             [scope for scope, names in duty.items() if one.person in names]]
            for one in read_people(self._posts).people
        ]  # fmt: skip


def _positions(state: State, opened: MakerOpen) -> Lines:
    book = state.book
    rows = []
    for klass in opened.chain.classes:
        for slot in range(klass.start, klass.stop):
            held = [
                int(column[slot]) for column in (book.long_qty, book.short_qty, book.covered_qty)
            ]
            today = [int(book.bought_open_today[slot]), int(book.traded_today[slot])]
            if any(held) or any(today):
                one = opened.chain.contracts[slot]
                about = [one.code, one.trading_code, klass.underlying, str(one.kind), one.strike]
                rows.append([*about, one.last_day, one.unit, *held, *today])
    return rows


def _margin(state: State, opened: MakerOpen) -> Lines:
    """Per contract that is short, at the margin of the day; covered calls need none."""
    each = state.tables.fixed[:, c.F_MARGIN]
    rows = []
    for klass in opened.chain.classes:
        for slot in range(klass.start, klass.stop):
            short = int(state.book.short_qty[slot])
            if short:
                one, money = opened.chain.contracts[slot], int(each[slot])
                name = [one.code, one.trading_code, klass.underlying, short]
                rows.append([*name, money // MONEY_PER_YUAN, money * short // MONEY_PER_YUAN])
    total = margin_use.total(state.book, each) // MONEY_PER_YUAN
    rows.append(["*", "", "", int(state.book.short_qty.sum()), None, total])
    return rows


def _inventory(state: State, opened: MakerOpen) -> Lines:
    book, business, etf = state.book, state.business, state.etf
    rows = []
    for klass, item in enumerate(opened.chain.classes):
        part = slice(item.start, item.stop)
        options = [
            int(column[part].sum()) for column in (book.long_qty, book.short_qty, book.covered_qty)
        ]
        locked = int(state.guards.standing[klass, G_LOCKED])
        units = [int(business.units[klass]), locked, int(business.taken[klass])]
        hedge = [int(etf.units[klass]), int(etf.sellable[klass])] if etf.on else [None, None]
        rows.append([item.underlying, *units, *hedge, *options])
    return rows


def _exercise(state: State, opened: MakerOpen) -> Lines:
    """Exercises that are not over; the exchange carries standing ones out at the day's end."""
    rows = []
    for one in state.business.working.values():
        request = one.request
        if one.kind in (Kind.EXERCISE, Kind.MERGE):
            legs = getattr(request, "legs", ())
            contract = "+".join(leg.contract for leg in legs) or getattr(request, "contract", "")
            name = [request.client_id, str(one.kind), contract, getattr(request, "qty", 0)]
            life = Life(one.life).name.lower()
            rows.append([*name, life, one.by, one.seconded_by, clock_text(one.sent_at)])
    return rows


def _strategies(state: State, opened: MakerOpen) -> Lines:
    """What was released to the day: quoting strategies, curve models, plug-ins among them."""
    rows: Lines = [["quoting", code, version] for code, version in opened.quoting]
    rows += [["curve_model", code, ""] for code in opened.released]
    return rows + [["curve_plugin", code, version] for code, version in opened.fitting]


def _rights() -> Lines:
    """Every right of every post as the shipped table gives it: of an account, or of the firm."""
    rules, rows = read_rules(), []
    for post in rules.posts:
        for name, where in sorted(rules.rights(post.post, "account")):
            rows.append([post.post, post.words, "firm" if where == FIRM else where, name])
    return rows
