"""Receiving a day's closing files for settlement: what is whole and ours, and what is not (I-15).

Every version of a file that was ever received is kept under its hash beside the record, so that a
file sent again never takes the place of the one before it.
"""

import hashlib
from collections import defaultdict
from pathlib import Path

from quanheng.compose import reception
from quanheng.compose.run_folder import RunError, write_whole
from quanheng.edge.received_files import read_received
from quanheng.settlement.own import Own
from quanheng.settlement.received import Theirs, strangers
from quanheng.settlement.record import Case
from quanheng.settlement.steps import STEPS
from quanheng.terms.units import Day
from quanheng.wire.exchange_files import named

KEPT = "received"
NEEDED = tuple(dict.fromkeys(kind for step in STEPS for kind in step.files))
"""Kinds that some step reads."""
MANY = 20
"""Records of one kind of fault that are named one by one; the rest are counted in one case."""


class Intake:
    """What came: usable files by kind, cases, and hashes of everything by name."""

    def __init__(self, folder: Path, day: Day, own: Own) -> None:
        """Look at a folder as it was received. RunError when it is none."""
        if not folder.is_dir():
            raise RunError(f"{folder}: not a folder of received files")
        self.day = day
        self.files: dict[str, tuple[str, bytes]] = {}
        self.hashes: dict[str, str] = {}
        self._bytes: dict[str, bytes] = {}
        self.cases: dict[str, Case] = {}
        self.bad: set[str] = set()
        self._read(folder)
        self._reception(folder)
        self._strangers(own)
        for kind in NEEDED:
            if kind not in self.files and not self._told(kind):
                self._case(kind, "missing", "没有收到 not received", kind)
        self.usable = {kind: one for kind, one in self.files.items() if kind not in self.bad}

    def _told(self, kind: str) -> bool:
        return any(case.kind == "missing" and case.file == kind for case in self.cases.values())

    def _read(self, folder: Path) -> None:
        found: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        for path in sorted(path for path in folder.iterdir()):
            try:
                data = read_received(path)
            except OSError:
                continue  # the reception test names it
            self._bytes[path.name] = data
            self.hashes[path.name] = hashlib.sha256(data).hexdigest()
            what = named(path.name)
            if what is not None and (not what.day or what.day in (self.day, self.day % 10_000)):
                found[what.kind].append((path.name, data))
        for kind, some in found.items():
            self.files[kind] = some[0]
            for name, data in some[1:]:
                if data == some[0][1]:
                    self._case(name, "duplicate", f"与 {some[0][0]} 相同 the same file twice", kind)
                else:
                    words = f"与 {some[0][0]} 内容不同 two files that contradict each other"
                    self._case(name, "contradictory", words, kind)
                    self.bad.add(kind)

    def _reception(self, folder: Path) -> None:
        """Everything the reception test finds; what breaks a record makes its file unusable."""
        counts: dict[str, int] = defaultdict(int)
        for check in reception.check(folder, self.day).checks:
            for bad in check.problems:
                what = named(bad.file)
                kind = what.kind if what else bad.file
                sort = self._sort(check.what, bad.reason)
                if sort == "second":
                    continue  # told above, by what the two files hold
                counts[f"{bad.file} {sort}"] += 1
                if sort in ("unreadable", "truncated"):
                    self.bad.add(kind)
                if counts[f"{bad.file} {sort}"] > MANY:
                    sort, words = f"{sort}/more", "同类问题还有更多 more of the same"
                else:
                    words = f"{bad.field}：{bad.reason}"
                self._case(bad.file, sort, words, kind, bad.line)

    @staticmethod
    def _sort(check: str, reason: str) -> str:
        """The kind of case that a problem is."""
        for mark, sort in (
            ("not received", "missing"),
            ("second file", "second"),
            ("another day", "other_day"),
            ("late", "late"),
            ("不是应接收", "unknown"),
            ("unreadable", "unreadable"),
        ):
            if mark in reason:
                return sort
        return "truncated" if "逐条解析" in check else "contradictory"

    def _strangers(self, own: Own) -> None:
        counts: dict[tuple[str, str], int] = defaultdict(int)
        usable = {kind: one for kind, one in self.files.items() if kind not in self.bad}
        for one in strangers(Theirs(self.day, usable), own.account, own.pbu, own.name):
            self.bad.add(one.kind)
            counts[one.file, one.field] += 1
            if counts[one.file, one.field] > 1:
                continue
            dated = one.theirs.isdigit() and len(one.theirs) == 8 and one.ours.startswith("20")
            sort = "other_day" if dated else "foreign"
            words = "记录不是本账户的 not of our account" if sort == "foreign" else (
                "记录不是当日的 of another day"
            )  # fmt: skip
            key = f"receive/{sort}/{one.file}/{one.field}"
            self.cases[key] = Case(
                key=key, step="receive", kind=sort, what=f"{one.file} {one.field}",
                ours=one.ours, theirs=one.theirs, file=one.file, row=one.row, words=words,
            )  # fmt: skip

    def _case(self, file: str, sort: str, words: str, kind: str, row: int = 0) -> None:
        key = f"receive/{sort}/{file}" + (f"/{row}/{words[:40]}" if row or sort == "contradictory"
                                          else "")  # fmt: skip
        self.cases[key] = Case(
            key=key, step="receive", kind=sort.partition("/")[0], what=f"收文 {file}",
            ours="完整、唯一、当日 whole, once, of the day", theirs=words, file=file, row=row,
            words=kind,
        )  # fmt: skip

    def keep(self, place: Path) -> None:
        """Keep every received file as it was read, under its hash; one that is there already is
        left alone.
        """
        place.mkdir(parents=True, exist_ok=True)
        for name, digest in self.hashes.items():
            target = place / f"{digest[:16]}-{name}"
            if not target.exists():
                write_whole(target, self._bytes[name])
