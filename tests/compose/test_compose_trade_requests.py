"""`propose` for what trades and instructs: text in, the exact command out (O-04, I-12)."""

from pathlib import Path

import pytest
from compose_world import call, one_line
from test_compose_authority import Clock, _body, _propose, clock, desk

from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.commands import (
    BuildPrepared,
    Combine,
    Command,
    Exercise,
    InquireMargin,
    LockUnits,
    ManualCancel,
    ManualOrder,
    Split,
)

__all__ = ["Clock", "clock", "desk"]

BOOK = "2024062700000001"
ORDER = ("order", "10007333", "sell", "3")
LIMIT = ManualOrder("10007333", Side.SELL, OrderKind.LIMIT, 1200, 3, "T01")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((*ORDER, "--price", "1200"), LIMIT),
        (
            (*ORDER, "--kind", "market-to-limit", "--effect", "close", "--confirmed"),
            ManualOrder(
                "10007333", Side.SELL, OrderKind.MARKET_TO_LIMIT, 0, 3, "T01", True,
                effect=Effect.CLOSE,
            ),
        ),
        (
            (*ORDER, "--price", "1200", "--kind", "limit-fok", "--covered"),
            ManualOrder(
                "10007333", Side.SELL, OrderKind.LIMIT_FOK, 1200, 3, "T01", covered=True
            ),
        ),
        (("cancel", "M001000001"), ManualCancel("M001000001", "T01")),
        (("lock", "510050", "20000"), LockUnits("510050", 20_000, False, "T01")),
        (("unlock", "510050", "20000"), LockUnits("510050", 20_000, True, "T01")),
        (
            ("combine", "KS", "10007333", "10007334", "2"),
            Combine("KS", "10007333", "10007334", 2, "T01"),
        ),
        (("split", BOOK, "1"), Split(BOOK, 1, "T01")),
        (("margin",), InquireMargin("T01")),
    ],
)  # fmt: skip
def test_compose_one_person_sends(desk: Path, words: tuple[str, ...], command: Command) -> None:
    done = _propose(desk, *words)
    assert (done.code, done.json["status"]) == (0, "issued")
    assert _body(done.json["issued"][0]) == command


@pytest.mark.parametrize(
    ("words", "act", "command"),
    [
        (
            ("exercise", "10007333", "2"),
            "exercise",
            Exercise("10007333", 2, "T01", "", "R01"),
        ),
        (
            ("exercise", "10007333", "2", "--put", "10007346"),
            "exercise",
            Exercise("10007333", 2, "T01", "10007346", "R01"),
        ),
        (("build-prepared", "1"), "build_prepared", BuildPrepared(1, "T01", "R01")),
        (
            (*ORDER, "--price", "1200", "--large"),
            "large_order",
            ManualOrder(
                "10007333", Side.SELL, OrderKind.LIMIT, 1200, 3, "T01", True, "R01", large=True
            ),
        ),
    ],
)
def test_compose_two_people_send(
    desk: Path, words: tuple[str, ...], act: str, command: Command
) -> None:
    asked = _propose(desk, *words)
    assert (asked.json["status"], asked.json["act"]) == ("pending", act)
    done = call("second", desk, asked.json["proposal"], "--by", "R01", "--json")
    assert _body(done.json["issued"][0]) == command


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (ORDER, "needs --price"),
        ((*ORDER, "--kind", "market-ioc", "--price", "5"), "has no --price"),
        ((*ORDER, "--price", "5", "--covered", "--effect", "close"), "always opens"),
        (("order", "10007333", "sell", "0", "--price", "5"), "not more than 0"),
        (("order", "7", "sell", "1", "--price", "5"), "scope"),
        (("lock", "510050", "0"), "not more than 0"),
        (("combine", "XX", "10007333", "10007334", "1"), "not one of CNSJC"),
        (("split", "7", "1"), "16 digits"),
    ],
)
def test_compose_nonsense_is_refused_with_its_reason(
    desk: Path, words: tuple[str, ...], reason: str
) -> None:
    one_line(call("propose", desk, *words, "--by", "T01"), 2, reason)
