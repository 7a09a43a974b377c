"""The page 日终: the settlement's checklist, its cases and adjusting entries, signed by two."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quanheng.compose.console_house import House, done, people_option, taken, text, verb
from quanheng.compose.report_tables import read_csv
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.settle_acts import ALL
from quanheng.compose.settle_job import CASE_HEADS, ENTRY_HEADS, FOLDER, STEP_HEADS
from quanheng.compose.settle_text import FACTS
from quanheng.desk.access import Session
from quanheng.desk.kinds import COUNT, FILES, GROW, HASH, STATE
from quanheng.desk.office import Act, Column, Field, Page, Sheet, Taken
from quanheng.desk.ports import Reply, SourceError
from quanheng.settlement.record import OPEN, POSITIONS, PROPOSED, Item
from quanheng.settlement.steps import LAST, STEPS
from quanheng.terms.units import MONEY_PER_YUAN

CHECKLIST = (
    Column("step", width=110), Column("words", GROW, 220), Column("standing", STATE, 90),
    Column("open_cases", COUNT, 60), Column("note", GROW, 240), Column("signed_by", width=70),
    Column("signed_at", width=150), Column("digest", HASH, 110), Column("files", FILES, 90),
)  # fmt: skip
CASES = (
    Column("number", width=130), Column("standing", STATE, 80), Column("step", width=100),
    Column("what", GROW, 220), Column("ours", width=140), Column("theirs", width=140),
    Column("file", width=150), Column("row", COUNT, 50), Column("reason", width=200),
    Column("evidence", width=160), Column("by", width=60), Column("seconded_by", width=60),
)  # fmt: skip
ENTRIES = (
    Column("number", width=130), Column("standing", STATE, 80), Column("item", STATE, 80),
    Column("contract", width=90), Column("amount", width=130), Column("reason", GROW, 200),
    Column("evidence", width=160), Column("by", width=60), Column("at", width=150),
    Column("seconded_by", width=60), Column("case", width=130),
)  # fmt: skip
FIGURES = (Column("step", width=110), Column("figure", width=160), Column("value", GROW, 220))
NOT_BEGUN = ("日终清算尚未开始：收盘文件到齐后点“核对”",
             "settlement has not begun: check once the closing files are there")  # fmt: skip


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """See the module."""
    folder = house.run / FOLDER
    steps = rows_of(folder / "checklist.csv", STEP_HEADS)
    cases, entries = (
        rows_of(folder / "cases.csv", CASE_HEADS), rows_of(folder / "entries.csv", ENTRY_HEADS),
    )  # fmt: skip
    of_steps, of_cases, of_entries = _acts(who)
    sheets = [
        Sheet("checklist", CHECKLIST, [_step(folder, row) for row in steps], NOT_BEGUN,
              of_steps, 3),
        Sheet("cases", CASES, [_case(row) for row in cases], _calm(steps), of_cases, 2),
        Sheet("entries", ENTRIES, [_entry(row, who) for row in entries],
              ("没有调整分录", "no adjusting entry"), of_entries),
        Sheet("figures", FIGURES, _figures(folder), NOT_BEGUN, share=2),
    ]  # fmt: skip
    left = sum(row["status"] == OPEN for row in cases)
    signed = sum(row["status"] == "signed" for row in steps)
    facts = [
        ("signed", f"{signed}/{len(STEPS)}", "good" if signed == len(STEPS) else "warn"),
        ("open_cases", str(left), "alarm" if left else "good"),
    ]
    return Page(sheets, facts=facts)


def _acts(who: Session) -> tuple[tuple[Act, ...], tuple[Act, ...], tuple[Act, ...]]:
    """What a person may do about the steps, the cases and the entries."""
    why = (Field("reason", "long"), Field("evidence"))
    entry = (
        Field("item", choices=tuple(map(str, Item))), Field("contract", optional=True),
        Field("amount"), Field("case", optional=True), *why,
    )  # fmt: skip
    steps: tuple[Act, ...] = ()
    cases, entries = steps, steps
    if who.permits("settle"):
        steps = (
            Act("settle.run", row=False), Act("settle.sign_all", row=False, sure=True),
            Act("settle.sign", sure=True),
        )  # fmt: skip
        cases = (Act("settle.explain", why),)
        entries = (Act("settle.adjust", entry, row=False), Act("settle.withdraw"))
    if who.permits("settle_second"):
        agree = Act("settle.second", sure=True)
        steps = (*steps, Act("settle.last", sure=True))
        cases, entries = (*cases, agree), (*entries, agree)
    return steps, cases, entries


def rows_of(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """A table of the settlement, empty while it is not written."""
    return read_csv(path, columns) if path.exists() else []


def _calm(steps: list[dict[str, str]]) -> tuple[str, str]:
    return ("没有差异", "nothing differs") if steps else NOT_BEGUN


def _step(folder: Path, row: dict[str, str]) -> dict[str, Any]:
    name, status = row["step"], row["status"]
    tables = sorted(path.name for path in folder.glob(f"{name}*.csv"))
    able = status == "ran"
    acts = ["settle.last" if name == LAST else "settle.sign"] if able else []
    return {
        "key": name, "step": name, "words_zh": row["words_zh"], "words_en": row["words_en"],
        "standing": status, "open_cases": int(row["open_cases"] or 0), "note": row["note"],
        "signed_by": row["signed_by"], "signed_at": row["signed_at"], "digest": row["digest"],
        "files": [["csv", one] for one in tables], "acts": acts, "fields": {"step": name},
        "tone": "amber" if status == "differences" else "",
    }  # fmt: skip


def _case(row: dict[str, str]) -> dict[str, Any]:
    opened = row["status"] == OPEN
    proposed = opened and bool(row["reason"])
    acts = (["settle.second"] if proposed else ["settle.explain"]) if opened else []
    return {
        **{name: row[name] for name in ("number", "step", "what", "ours", "theirs", "file",
                                        "reason", "evidence", "by", "seconded_by")},
        "key": row["number"], "standing": "explaining" if proposed else row["status"],
        "row": int(row["row"] or 0), "acts": acts, "fields": {"number": row["number"]},
        "tone": "red" if opened and not proposed else "",
    }  # fmt: skip


def _entry(row: dict[str, str], who: Session) -> dict[str, Any]:
    waits = row["status"] == PROPOSED
    mine = row["by"] == who.user
    amount = int(row["amount"])
    unit = f"{amount:+,} 张" if row["item"] in POSITIONS else f"{amount / MONEY_PER_YUAN:+,.2f} 元"
    acts = (["settle.withdraw"] if mine else ["settle.second"]) if waits else []
    return {
        "key": row["number"], "number": row["number"], "standing": row["status"],
        "item": row["item"], "contract": row["code"], "amount": unit, "reason": row["reason"],
        "evidence": row["evidence"], "by": row["by"], "at": row["at"],
        "seconded_by": row["seconded_by"], "case": row["of"], "acts": acts,
        "fields": {"number": row["number"]},
    }  # fmt: skip


def _figures(folder: Path) -> list[dict[str, Any]]:
    found = []
    for step in STEPS:
        for row in rows_of(folder / f"{step.name}-facts.csv", ("fact", "value")):
            name = row["fact"]
            found.append({
                "key": f"{step.name} {name}", "step": step.name,
                "figure_zh": FACTS.get(name, name), "figure_en": name, "value": row["value"],
            })  # fmt: skip
    return found


def file(house: House, who: Session, name: str) -> Taken:
    """A table of the settlement."""
    for path in sorted((house.run / FOLDER).glob("*.csv")):
        if path.name == name:
            return taken(path)
    raise SourceError(f"there is no table {name!r}")


def _settle(house: House, *words: str) -> None:
    """`quanheng settle`, which judges the person by the run's people again."""
    try:
        running = read_info(house.run).status == "running"
    except RunError as error:
        raise SourceError(str(error)) from error
    if running:
        raise SourceError("交易日尚未结束 (the day still runs)")
    verb(house, "settle", str(house.run.resolve()), *people_option(house), *words)


def check(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Run the checklist over what files there are."""
    _settle(house)
    return done("已核对", "checked")


def sign(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Sign a step that was checked."""
    step = text(fields, "step")
    _settle(house, "--sign", step, "--by", who.user)
    return done(f"已签署 {step}", f"signed {step}")


def sign_all(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Sign every step before the last that was checked and differs in nothing."""
    _settle(house, "--sign", ALL, "--by", who.user)
    return done("已签署可签的各步", "signed what can be signed")


def explain(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Say why a case may stand."""
    case = text(fields, "number")
    given = ("--reason", text(fields, "reason"), "--evidence", text(fields, "evidence"))
    _settle(house, "--explain", case, *given, "--by", who.user)
    return done(f"{case} 已说明，待复核", f"{case} explained, to be seconded")


def adjust(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Propose an adjusting entry (O-04)."""
    words = ["--adjust", text(fields, "item"), f"--amount={text(fields, 'amount')}"]
    for option, name in (("--contract", "contract"), ("--case", "case")):
        if given := text(fields, name, ""):
            words += [option, given]
    words += ["--reason", text(fields, "reason"), "--evidence", text(fields, "evidence")]
    _settle(house, *words, "--by", who.user)
    return done("分录已提交，待复核", "entry proposed, to be seconded")


def second(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Agree to an entry or an explanation."""
    number = text(fields, "number")
    _settle(house, "--second", number, "--by", who.user)
    return done(f"{number} 已复核", f"{number} seconded")


def withdraw(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Take one's own entry back."""
    number = text(fields, "number")
    _settle(house, "--withdraw", number, "--by", who.user)
    return done(f"{number} 已撤回", f"{number} withdrawn")


ACTS = {
    "settle.run": check, "settle.sign": sign,
    "settle.sign_all": sign_all, "settle.last": sign, "settle.explain": explain,
    "settle.adjust": adjust, "settle.second": second, "settle.withdraw": withdraw,
}  # fmt: skip
