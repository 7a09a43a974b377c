"""Defects of other systems around the session, throttles and the kill, driven through the gateway.

docs/defects.md is the table. The last test breaks the real path under each of them and sees it.
"""

import pytest
from gateway_rig import CODES, STAMP, Rig, cancels

from quanheng.edge import gateway
from quanheng.edge.gateway_parts import Flow, SeenIds
from quanheng.exchange import front
from quanheng.runtime.envelope import NotSent
from quanheng.terms.codes import Effect
from quanheng.terms.commands import Pull
from quanheng.terms.orders import Quote, QuoteCancel, Send
from quanheng.terms.units import SECOND


def test_d20_the_own_throttle_never_meets_the_exchanges() -> None:
    """D20: messages a second were counted wrong. An engine that asks for far too much in bursts is
    slowed by the gateway, and the exchange's own count of whole seconds never reaches its limit;
    cancels still pass (I-40).
    """
    rig = Rig()
    rig.lead(1)
    seconds: dict[int, int] = {}
    number = 0
    for _ in range(30):
        before = len(rig.arrived)
        requests = []
        for _ in range(150):
            number += 1
            requests.append(
                Quote(f"M001{number:06d}", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
            )
        rig.core.from_engine(Send(1, STAMP, [*requests]), rig.now)
        rig.settle()
        second = rig.now // SECOND
        seconds[second] = seconds.get(second, 0) + len(rig.arrived) - before
        rig.pass_time(100, beats=1)
    assert max(seconds.values()) <= front.FLOW_LIMIT
    assert sum(seconds.values()) < number
    assert rig.said(NotSent)
    number += 1
    cancel = QuoteCancel(f"M001{number:06d}", CODES[0], True, True)
    rig.core.from_engine(Send(1, STAMP, [cancel]), rig.now)
    rig.settle()
    assert rig.arrived[-1] == cancel


def test_d27_a_repeated_request_never_reaches_the_exchange() -> None:
    """D27: a restart sent an order again. The gateway refuses an id it has seen and everything of a
    leader that was followed by another (reliability.md 4.2).
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.quote(1)
    assert [one.client_id for one in rig.arrived] == ["M001000001"]
    assert "used before" in rig.said(NotSent)[-1].why
    rig.lead(2)
    before = len(rig.arrived)
    rig.quote(2, epoch=1)
    assert [one for one in rig.arrived[before:] if isinstance(one, Quote)] == []


def test_d29_a_kill_takes_its_own_scope_and_does_not_fire_by_itself() -> None:
    """D29: a kill switch failed, fired falsely, or withdrew what people had placed. A pull of one
    class leaves the other alone; late beats below the dead-man's time withdraw nothing; silence
    beyond it withdraws all (I-21, I-52).
    """
    rig = Rig()
    rig.lead(1)
    for number, code in enumerate(CODES, start=1):
        rig.quote(number, code)
    rig.core.pull("510050", "R01", rig.now)
    rig.pass_time(100, beats=1)
    assert {one.contract for one in cancels(rig)} == set(CODES[:2])
    assert rig.said(Pull) == [Pull("510050", "R01")]
    for _ in range(20):
        rig.pass_time(350)
        rig.pass_time(10, beats=1)
    assert {one.contract for one in cancels(rig)} == set(CODES[:2])
    rig.pass_time(500)
    assert {one.contract for one in cancels(rig)} == set(CODES)


BREAKS = {
    "throttle": (
        test_d20_the_own_throttle_never_meets_the_exchanges, Flow, "allow", lambda *_: True,
    ),
    "repeat": (
        test_d27_a_repeated_request_never_reaches_the_exchange, SeenIds, "add", lambda *_: "",
    ),
    "false alarm": (
        test_d29_a_kill_takes_its_own_scope_and_does_not_fire_by_itself, gateway.Gateway,
        "from_engine", lambda *_: None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_path_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these tests fails when the code it is about has the defect."""
    shown, owner, attribute, wrong = BREAKS[name]
    monkeypatch.setattr(owner, attribute, wrong)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        shown()
