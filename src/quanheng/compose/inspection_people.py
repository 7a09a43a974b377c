"""Evidence in the people store: posts held twice, papers signed, registers, reviewed rights (L-04).

The store is only read. Without one its pieces are missing and say so; without the extra that a
store needs they do too, because nobody can have given one.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from quanheng.compose.inspection_items import Item
from quanheng.compose.inspection_place import FOUND, MISSING, Look, Piece, Place
from quanheng.terms.days import day_of, iso
from quanheng.terms.units import DAY

if TYPE_CHECKING:
    from quanheng.desk.people.store import Store

_NONE = "未给出人员库（--store）"


def _store(place: Place) -> "Store | None":
    found: Store | None = place.store
    return found


def _post(place: Place, item: Item, ref: str) -> Piece:
    """A post of the rules, held as main and as backup on every account (O-02)."""
    store = _store(place)
    if store is None:
        return Piece("posts", ref, MISSING, ref, _NONE)
    from quanheng.desk.people.posts import staffing

    with store.reading() as connection:
        rows = [row for row in staffing(store.rules, connection) if row["post"].post == ref]
    if not rows:
        return Piece("posts", ref, MISSING, ref, "规则中没有此岗位，或没有做市账户")
    words = rows[0]["post"].words
    vacant = [(row, [_HOLDERS[one] for one in _HOLDERS if not row[one]]) for row in rows]
    lacks = [f"{_account(row['account'])} 缺{'、'.join(said)}" for row, said in vacant if said]
    if lacks:
        return Piece("posts", ref, MISSING, words, "；".join(lacks))
    held = "；".join(
        f"{_account(row['account'])} 主岗 {' '.join(row['main'])}，备岗 {' '.join(row['backup'])}"
        for row in rows
    )
    return Piece("posts", ref, FOUND, words, held)


_HOLDERS = {"main": "主岗", "backup": "备岗"}


def _account(name: str) -> str:
    from quanheng.desk.people.rules import FIRM

    return "公司" if name == FIRM else name


def _paper(place: Place, item: Item, ref: str) -> Piece:
    """A document of appendix 2 or 3 that was signed, and its file when it is at hand."""
    from quanheng.compose.papers import KINDS

    name = KINDS[ref].file if ref in KINDS else ref
    store = _store(place)
    if store is None:
        return Piece("papers", ref, MISSING, name, _NONE)
    from quanheng.desk.people import papers

    last = papers.standing(store).get(name)
    if last is None:
        return Piece("papers", ref, MISSING, name, f"尚未起草：quanheng documents make {ref}")
    if last.stage not in (papers.SIGNED, papers.FILED):
        said = f"尚未签署（{_STAGES[last.stage]}，缺项 {last.gaps}）"
        return Piece("papers", ref, MISSING, name, said)
    said = f"已{_STAGES[last.stage]} {iso(day_of(last.at))} {last.by}，校验 {last.sha256[:12]}"
    path = _file_of(place.papers, last.sha256)
    return Piece("papers", ref, FOUND, name, said, (str(path),) if path else ())


_STAGES = {"draft": "起草", "reviewed": "审核", "signed": "签署", "filed": "报送"}


def _file_of(folder: Path | None, digest: str) -> Path | None:
    """The very file that was signed, of a folder of documents."""
    for path in sorted(folder.glob("*.docx")) if folder else ():
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    return None


def _register(place: Place, item: Item, ref: str) -> Piece:
    """Records in force of a register."""
    store = _store(place)
    if store is None:
        return Piece("registers", ref, MISSING, ref, _NONE)
    from quanheng.desk.people.register_types import KINDS
    from quanheng.desk.people.registers import in_force

    if ref not in KINDS:
        return Piece("registers", ref, MISSING, ref, "没有此登记簿")
    rows = in_force(store, ref)
    if not rows:
        said = f"没有生效的记录：quanheng register add {ref}"
        return Piece("registers", ref, MISSING, KINDS[ref].words, said)
    said = f"生效 {len(rows)} 条，最近 {iso(day_of(rows[-1].at))}"
    return Piece("registers", ref, FOUND, KINDS[ref].words, said)


def _review(place: Place, item: Item, ref: str) -> Piece:
    """The periodic review of rights, signed and not out of date (O-03)."""
    words = "权限定期审核"
    store = _store(place)
    if store is None:
        return Piece("reviews", ref, MISSING, words, _NONE)
    from quanheng.desk.people.review import reviews

    signed = [row for row in reviews(store) if row["signed_by"]]
    if not signed:
        return Piece("reviews", ref, MISSING, words, "没有签批的审核：quanheng people review")
    last = signed[-1]
    told = f"{iso(day_of(last['signed']))} 由 {last['by']} 编制、{last['signed_by']} 签批"
    if store.clock() - last["at"] > store.rules.review_days * DAY:
        return Piece("reviews", ref, MISSING, words, f"审核已逾期：{told}")
    return Piece("reviews", ref, FOUND, words, f"{told}，事项 {last['findings']} 条")


LOOKERS: dict[str, Look] = {
    "papers": _paper,
    "posts": _post,
    "registers": _register,
    "reviews": _review,
}
