"""The desk's authority hears what the firm's risk department holds (R-02, O-04)."""

from pathlib import Path

import msgspec
import pytest
from compose_world import call, one_line

from quanheng.authority.firm import FirmAuthority
from quanheng.authority.messages import Issue
from quanheng.compose import authority_desk
from quanheng.runtime.journal import EFFECTS
from quanheng.runtime.segment import SegmentJournal
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.days import from_clock, midnight

NOON = midnight(20240627) + from_clock("10:00")
ON_DUTY = (("T01", "trader"), ("R01", "risk"), ("H01", "head"), ("F01", "firm_risk"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everybody signed on."""
    monkeypatch.setattr(authority_desk, "clock", lambda: NOON)
    for person, post in ON_DUTY:
        assert call("propose", tmp_path, "sign-on", post, "--by", person).code == 0
    return tmp_path


def firm_says(folder: Path, *states: tuple[str, TradingState]) -> None:
    """Commands in the firm's journal, as its process leaves them."""
    journal = SegmentJournal(folder, FirmAuthority.NAME)
    for number, (scope, state) in enumerate(states, 1):
        command = SetState(scope, state, "over the limit", "F01")
        effect = Issue("maker", command, "F01", "", number)
        journal.append(EFFECTS, msgspec.msgpack.encode([effect]))
    journal.close()


def opened(folder: Path, scope: str, by: str) -> dict[str, str]:
    """What comes of asking to open a scope again."""
    words = ("set-state", scope, "open", "--reason", "back", "--by", by, "--json")
    answer = call("propose", folder, *words)
    found: dict[str, str] = answer.json
    return found


def test_compose_desk_may_not_raise_what_the_firm_holds(desk: Path) -> None:
    """A trader's release is refused while firm risk holds the scope, also of a scope that the desk
    has lowered further itself; firm risk asks, and the head agrees.
    """
    firm_says(desk, ("510050", TradingState.REDUCING))
    refused = opened(desk, "510050", "T01")
    assert (refused["status"], refused["code"]) == ("refused", "wrong_post")
    assert call("propose", desk, "pull", "510050", "--by", "T01").code == 0
    assert opened(desk, "510050", "T01")["code"] == "wrong_post"
    asked = opened(desk, "510050", "F01")
    assert (asked["status"], asked["act"], asked["posts"]) == ("pending", "release", ["head"])
    assert call("second", desk, asked["proposal"], "--by", "R01", "--json").json["ok"] is False
    assert call("second", desk, asked["proposal"], "--by", "H01", "--json").json["ok"] is True


def test_compose_desk_raises_again_what_the_firm_released(desk: Path) -> None:
    """After the firm's own release, and for scopes that it never held, the desk's rule is back."""
    firm_says(desk, ("510050", TradingState.REDUCING), ("*", TradingState.HALTED))
    assert opened(desk, "*", "T01")["code"] == "wrong_post"
    firm_says(desk, ("*", TradingState.OPEN))
    assert call("propose", desk, "pull", "*", "--by", "T01").code == 0
    assert opened(desk, "*", "T01")["act"] == "raise_state"
    assert opened(desk, "510050", "T01")["code"] == "wrong_post"


def test_compose_desk_names_a_bad_journal_of_the_firm(desk: Path) -> None:
    """A firm's journal that cannot be believed is an error, never a desk without restraint."""
    firm_says(desk, ("*", TradingState.REDUCING), ("*", TradingState.HALTED))
    segment = next((desk / "journal" / FirmAuthority.NAME).glob("*.seg"))
    data = bytearray(segment.read_bytes())
    data[60] ^= 1
    segment.write_bytes(bytes(data))
    words = ("set-state", "*", "open", "--reason", "back", "--by", "T01")
    one_line(call("propose", desk, *words), 3, str(desk), FirmAuthority.NAME)
