"""Notes of people on an order, an alert, a curve, a case or anything else, found again by text."""

from collections.abc import Mapping
from typing import Any

from quanheng.compose.console_house import House, done, text
from quanheng.compose.console_record import Record
from quanheng.compose.run_folder import RunError
from quanheng.desk.access import Session
from quanheng.desk.ports import Reply, SourceError

FILE = "notes.jsonl"
ABOUT = ("order", "trade", "alert", "curve", "case", "inquiry", "contract", "day")
LONGEST = 2_000


def notes(house: House) -> list[dict[str, Any]]:
    """Every note of a run in order: number, at, by, about, subject, words."""
    try:
        return Record(house.run / FILE).lines()
    except RunError as error:
        raise SourceError(str(error)) from error


def add(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Write a note; it is never changed or taken away."""
    about, words = text(fields, "about"), text(fields, "words")
    if about not in ABOUT:
        raise SourceError(f"about: {about!r} is not one of {', '.join(ABOUT)}")
    if len(words) > LONGEST:
        raise SourceError(f"words: {len(words)} 字，最多 {LONGEST} (characters at most)")
    subject = text(fields, "subject", "")[:80]
    try:
        made = Record(house.run / FILE).add(by=who.user, about=about, subject=subject, words=words)
    except (RunError, OSError) as error:
        raise SourceError(str(error)) from error
    return done("已记", "noted", number=made)


ACTS = {"note.add": add}
