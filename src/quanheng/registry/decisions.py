"""What the exchange decides beside the steps of its register, and the tables that ratings read.

Letters, penalties and lowerings (E-07, E-09) are rows of `letters.csv`, designated contracts (L-07)
of `designations.csv`, the register of `makers.csv` of the duty dataset; so a decision reaches the
next rating without being typed again.
"""

from collections.abc import Sequence

import msgspec

from quanheng.registry.errors import RegistryError
from quanheng.registry.register import LEFT, Entry
from quanheng.terms.days import iso
from quanheng.terms.units import Day

MEASURES = ("letter", "penalty", "lowering")
FEWEST = 3
"""Primary makers that a designation names at least (chapter 5 二(三), L-07)."""
MAKERS = ("maker", "underlying", "kind", "since", "until")
LETTERS = ("day", "maker", "measure", "underlying", "steps")
DESIGNATIONS = ("maker", "contract", "since", "until")
PUBLIC = (*MAKERS, "standing", "told")
"""Columns of the register as everybody may read it."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, a penalty or a lowering of a maker. `underlying` "" is every class; `steps`:
    grades of a lowering.
    """

    maker: str
    measure: str
    day: Day
    reference: str
    reason: str
    underlying: str = ""
    steps: int = 0


class Designation(msgspec.Struct, frozen=True, kw_only=True):
    """A contract that makers must quote from `since` until `until` (0: its end)."""

    contract: str
    makers: tuple[str, ...]
    since: Day
    reference: str
    until: Day = 0


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A rating that goes out: its name and the hash of all its files."""

    rating: str
    sha256: str


def _is_in(entries: Sequence[Entry], maker: str, underlying: str = "", kind: str = "") -> bool:
    return any(
        one.maker == maker
        and one.standing == "admitted"
        and underlying in ("", one.underlying)
        and kind in ("", one.kind)
        for one in entries
    )


def check_measure(entries: Sequence[Entry], new: Measure) -> None:
    """RegistryError for a measure of no kind, a lowering without class and grades, a letter with
    them, or a maker that is not in.
    """
    if new.measure not in MEASURES:
        raise RegistryError(f"measure: {new.measure!r} is not one of {', '.join(MEASURES)}")
    if (new.measure == "lowering") != (new.steps > 0):
        raise RegistryError(
            f"steps: {new.steps}，调低须写明级数，其他不得填写 (a lowering names its grades)"
        )
    if new.measure == "lowering" and not new.underlying:
        raise RegistryError("underlying: 调低须写明合约品种 (a lowering names its class)")
    if not _is_in(entries, new.maker, new.underlying):
        where = f"{new.maker} {new.underlying}".strip()
        raise RegistryError(f"maker: {where} 不在名册 (not in the register)")


def check_designation(entries: Sequence[Entry], new: Designation) -> None:
    """RegistryError for fewer than three different makers, one that is no primary maker of any
    class, or days that end before they begin.
    """
    if len(dict.fromkeys(new.makers)) < FEWEST:
        raise RegistryError(f"makers: 至少 {FEWEST} 家主做市商 (three primary makers at least)")
    for maker in new.makers:
        if not _is_in(entries, maker, kind="primary"):
            raise RegistryError(f"makers: {maker} 不是主做市商 (no primary maker)")
    if new.until and new.until < new.since:
        raise RegistryError(f"until: {iso(new.until)} 早于 {iso(new.since)} (before it begins)")


def maker_rows(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Rows of `makers.csv`: who was in, and since and until when."""
    return [
        (one.maker, one.underlying, one.kind, one.since, one.until) for one in entries if one.since
    ]


def letter_rows(measures: Sequence[Measure]) -> list[tuple[str, ...]]:
    """Rows of `letters.csv`."""
    return [
        (iso(one.day), one.maker, one.measure, one.underlying, str(one.steps)) for one in measures
    ]


def designation_rows(found: Sequence[Designation]) -> list[tuple[str, ...]]:
    """Rows of `designations.csv`."""
    return [
        (maker, one.contract, iso(one.since), iso(one.until) if one.until else "")
        for one in found
        for maker in one.makers
    ]


def public_rows(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    """The register as everybody may read it: makers that are or were in, and the day on which the
    market was told of the end.
    """
    rows = []
    for one in entries:
        told = [iso(step.day) for step in one.steps if step.step == "announced"]
        last = [step.step for step in one.steps if step.step in ("admitted", *LEFT)]
        standing = last[-1] if last else one.standing
        if one.since:
            rows.append((*maker_rows([one])[0], standing, told[-1] if told else ""))
    return rows
