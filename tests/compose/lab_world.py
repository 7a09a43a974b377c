"""A plan of the laboratory, and the faults of an exchange and of our gateway it must find."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quanheng.compose import lab
from quanheng.compose.lab_command import _chain
from quanheng.compose.reference import FIRST_DAY
from quanheng.config import read_config
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_pull import Puller
from quanheng.edge.lab.house import House
from quanheng.edge.link_messages import Hello
from quanheng.edge.order_server import OrderServer
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange.messages import Deliver
from quanheng.terms.orders import QuoteCancel
from quanheng.terms.units import SECOND

MASTER = Path(lab.__file__).parents[1] / "data" / "2024-06-27" / "reff030627.txt"


def plan(**more: Any) -> lab.LabPlan:
    return lab.LabPlan(
        config=read_config(),
        book=read_rulebook(FIRST_DAY),
        chain=_chain(FIRST_DAY, None, True),
        patience=more.pop("patience", 300_000_000),
        **more,
    )


class WrongCode(House):
    """Refuses a price outside the limits with another code than the exchange's."""

    def _wrong(self, report: Any) -> Any:
        if getattr(report.body, "reason", 0) != 10450:
            return report
        return replace(report, body=replace(report.body, reason=10451))

    def _answer(self, effect: Any) -> None:
        if isinstance(effect, Deliver):
            effect = replace(effect, reports=[self._wrong(one) for one in effect.reports])
        super()._answer(effect)


class Deaf(House):
    """Does not answer the withdrawal of quotes in one contract."""

    def _take(self, pbu: str, requests: list[Any]) -> None:
        deaf = lab.contracts_of(self._opening.chain)["C"].code
        kept = [r for r in requests if not isinstance(r, QuoteCancel) or r.contract != deaf]
        super()._take(pbu, kept)


class Lossy(House):
    """Loses the second report of a partition when it replays."""

    def _serve(self, folder: Path, day: int) -> OrderServer:
        server = super()._serve(folder, day)
        replay, send, replaying = server._replay, server._send, [False]

        def lossy_replay(member: Any) -> None:
            replaying[0] = True
            replay(member)
            replaying[0] = False

        def lossy_send(member: Any, pbu: str, reports: list[Any]) -> None:
            lost = [r for r in reports if replaying[0] and (r.set_id, r.index) == ("301", 2)]
            send(member, pbu, [r for r in reports if r not in lost])

        server._replay, server._send = lossy_replay, lossy_send  # type: ignore[method-assign]
        return server


class Welcoming(House):
    """Lets a second session in."""

    def _serve(self, folder: Path, day: int) -> OrderServer:
        server = super()._serve(folder, day)
        session, active = server._session, server._active

        def any_session() -> Any:
            server._active = lambda: None  # type: ignore[method-assign]
            made = session()
            server._active = active  # type: ignore[method-assign]
            return made

        server._session = any_session  # type: ignore[method-assign]
        return server


BROKEN: dict[str, tuple[type[House], dict[str, str], str]] = {
    "wrong error code": (WrongCode, {}, "401_reject_price_limit"),
    "silence on mass cancel": (Deaf, {}, "506_mass_cancel"),
    "a report lost in recovery": (Lossy, {}, "203_recover_partitions"),
    "a second session let in": (Welcoming, {}, "106_second_session"),
    "no flow limit": (House, {"flow_limit": "off"}, "411_flow_limit"),
    "one side withdraws the other": (House, {"quote_side": "withdraw"}, "503_quote_one_side"),
}


def sleepy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that waits ten seconds for a silent engine."""
    made = lab.gateway_plan
    monkeypatch.setattr(lab, "gateway_plan", lambda one: replace(made(one), dead_man=10 * SECOND))


def unfenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that takes any engine for the newest."""
    hello = Gateway.hello

    def welcome(gateway: Any, message: Hello, now: int) -> bool:
        return hello(gateway, Hello(max(message.epoch, gateway._kept.epoch + 1), "x"), now)

    monkeypatch.setattr(Gateway, "hello", welcome)


def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that forgets a person's pull as soon as it is done."""
    monkeypatch.setattr(Puller, "killer", lambda *asked: "")
