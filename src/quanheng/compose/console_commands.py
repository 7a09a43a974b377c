"""What people ask for at the console: proposals to the authority of the run, pulls at its gateway.

Nothing here changes the maker: the authority's policy judges every command, the machine judges it
again, and the screen shows an effect only once the journal has it. A pull goes to the gateway's own
socket and is told to the authority after the act (borders.md 5).
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from quanheng.compose import authority_desk as desk
from quanheng.compose import trade_requests
from quanheng.compose.authority_words import words_of
from quanheng.compose.kill import proof_text
from quanheng.compose.run_folder import RunError, read_info
from quanheng.config import ConfigError
from quanheng.desk.ports import Reply, SourceError
from quanheng.edge.kill_client import KillClient, KillSocketError, gateway_of
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import (
    Acknowledge,
    Command,
    GiveBackInquiry,
    ManualCancel,
    Pull,
    Rearm,
    SetState,
    TakeInquiry,
)

PATIENCE = 3.0
"""Seconds to wait for a pull to be whole before it is shown as it stands."""
LOCKED_FOR = 2.0
"""Seconds to try while another call holds the authority."""

_ISSUED = {
    "pending": ("已提交，待复核", "waits for a second person"),
    "issued": ("已下达", "issued"),
    "withdrawn": ("已撤回", "withdrawn"),
    "expired": ("已过期", "expired"),
    "recorded": ("已补记", "recorded"),
    "refused": ("被拒绝", "refused"),
}

Make = Callable[[desk.AuthorityDesk, Mapping[str, Any], str], Command]


def _text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise SourceError(f"{name}: a text is needed, not {value!r}")
    return value


def _opens(command: Command) -> TypeGuard[SetState]:
    """Does a command open a scope again?"""
    return isinstance(command, SetState) and command.state == TradingState.OPEN


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SourceError(f"{name}: a whole number is needed, not {value!r}")
    return value


def _parameter(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    scope = one.scope(_text(fields, "scope"), expiry=True)
    return desk.parameter_command(scope, _text(fields, "name"), _number(fields, "value"), by)


def _enabled(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    scope = one.scope(_text(fields, "scope"), expiry=True)
    return desk.parameter_command(scope, "enabled", int(bool(fields.get("on"))), by)


def _state(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    reason = _text(fields, "reason", "console")
    return desk.state_command(one.scope(_text(fields, "scope")), _text(fields, "state"), reason, by)


def _sign(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    scope = one.scope(_text(fields, "scope", "*"))
    return desk.sign_on_command(_text(fields, "post"), by, bool(fields.get("on", True)), scope)


def _manual(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    side, kind = _text(fields, "side"), _text(fields, "kind", "limit")
    effect = _text(fields, "effect", "auto")
    for name, value, known in (
        ("side", side, trade_requests.SIDES),
        ("kind", kind, trade_requests.KINDS),
        ("effect", effect, trade_requests.EFFECTS),
    ):
        if value not in known:
            raise SourceError(f"{name}: {value!r} is not one of {', '.join(known)}")
    return trade_requests.order_command(
        one.scope(_text(fields, "contract")), side, _number(fields, "qty"), by, kind=kind,
        price=_number(fields, "price"), effect=effect, covered=False,
        confirmed=bool(fields.get("confirmed")), large=bool(fields.get("large")),
    )  # fmt: skip


def _answer(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    bid, ask = _text(fields, "bid"), _text(fields, "ask")
    return desk.answer_command(_text(fields, "inquiry"), bid, ask, _number(fields, "qty"), by)


def _lock(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    underlying = one.scope(_text(fields, "underlying"))
    qty, unlock = _number(fields, "qty"), bool(fields.get("unlock"))
    return trade_requests.lock_command(underlying, qty, unlock, by)


def _exercise(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    contract, put = one.scope(_text(fields, "contract")), _text(fields, "put", "")
    other = one.scope(put) if put else ""
    return trade_requests.exercise_command(contract, _number(fields, "qty"), other, by)


def _combine(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    legs = (one.scope(_text(fields, "first")), one.scope(_text(fields, "second")))
    strategy = _text(fields, "strategy")
    return trade_requests.combine_command(strategy, *legs, _number(fields, "qty"), by)


def _split(one: desk.AuthorityDesk, fields: Mapping[str, Any], by: str) -> Command:
    return trade_requests.split_command(_text(fields, "combination"), _number(fields, "qty"), by)


MAKE: dict[str, Make] = {
    "parameter": _parameter,
    "enabled": _enabled,
    "state": _state,
    "rearm": lambda one, f, by: Rearm(one.scope(_text(f, "scope")), _text(f, "reason"), by),
    "sign_on": _sign,
    "acknowledge": lambda one, f, by: Acknowledge(_number(f, "alert"), by),
    "take_inquiry": lambda one, f, by: TakeInquiry(_text(f, "inquiry"), by),
    "give_back_inquiry": lambda one, f, by: GiveBackInquiry(_text(f, "inquiry"), by),
    "answer_inquiry": _answer,
    "manual_order": _manual,
    "lock": _lock,
    "exercise": _exercise,
    "combine": _combine,
    "split": _split,
    "cancel_order": lambda one, f, by: ManualCancel(_text(f, "client_id"), by),
}
"""How each command of the console is made; `desk.routes.NEEDS` says who may ask for it."""


class RunCommands:
    """See `desk.ports.Commands`."""

    def __init__(self, run: Path, people: Path | None = None) -> None:
        self._run = run
        self._people = people

    def open(self) -> bool:
        """See the port."""
        try:
            return read_info(self._run).status == "running"
        except RunError:
            return False

    def ask(self, user: str, command: str, fields: Mapping[str, Any]) -> Reply:
        """See the port."""
        if command not in MAKE:
            raise SourceError(f"there is no command {command!r}")
        make = MAKE[command]
        return self._with(lambda one: one.propose(make(one, fields, user), user))

    def second(self, user: str, number: int) -> Reply:
        """See the port. A scope that two people open again is released at the gateway as well."""
        opened: list[tuple[str, str]] = []

        def agree(one: desk.AuthorityDesk) -> desk.Answer:
            answer = one.second(number, user)
            row = one.state.proposals.get(number)
            if answer.ok and row is not None and _opens(row.command):
                opened.append((row.command.scope, row.by))
            return answer

        reply = self._with(agree)
        for scope, by in opened:
            self._release(scope, by, user)
        return reply

    def _release(self, scope: str, by: str, user: str) -> None:
        """End the gateway's own pull of a scope; without one, or without a gateway, nothing."""
        try:
            with KillClient(gateway_of(self._run)) as gateway:
                if scope in dict(gateway.ask(do="status")["pulled"]):
                    gateway.ask(do="release", scope=scope, by=by, seconded_by=user)
        except KillSocketError:
            return

    def withdraw(self, user: str, number: int) -> Reply:
        """See the port."""
        return self._with(lambda one: one.withdraw(number, user))

    def preview(self, scope: str) -> Reply:
        """See the port."""
        try:
            with KillClient(gateway_of(self._run)) as gateway:
                items = gateway.ask(do="preview", scope=scope)["items"]
        except KillSocketError as error:
            return Reply(False, "unreachable", f"网关未应答：{error}", f"no gateway: {error}")
        count = len(items)
        return Reply(True, "preview", f"{count} 笔将被撤销", f"{count} to withdraw", count)

    def pull(self, user: str, scope: str) -> Reply:
        """See the port. Without a gateway the pull goes to the machine through the authority."""
        try:
            with KillClient(gateway_of(self._run)) as gateway:
                proof = gateway.ask(do="pull", scope=scope, by=user)["proof"]
                until = time.monotonic() + PATIENCE
                while proof["done"] < 0 and time.monotonic() < until:
                    time.sleep(0.005)
                    proof = gateway.ask(do="proof", scope=scope)["proof"]
        except KillSocketError as error:
            reply = self._with(lambda one: one.propose(Pull(one.scope(scope), user), user))
            zh, en = (
                f"网关未应答（{error}），改经授权系统：",
                f"no gateway ({error}), by authority: ",
            )
            return Reply(reply.ok, reply.status, zh + reply.zh, en + reply.en, reply.number)
        halted = SetState(scope, TradingState.HALTED, "pull", user)
        try:
            noted = self._with(lambda one: one.record(halted)).ok
        except SourceError:
            noted = False  # what is withdrawn stays withdrawn, told or not
        told = [proof_text(proof, language) for language in ("zh", "en")]
        return Reply(
            proof["done"] >= 0, "pulled", told[0], told[1], 0,
            {"proof": proof, "recorded": noted},
        )  # fmt: skip

    def _with(self, act: Callable[[desk.AuthorityDesk], desk.Answer]) -> Reply:
        """One call at the authority; another one's hold on it is waited for."""
        until = time.monotonic() + LOCKED_FOR
        while True:
            try:
                with desk.AuthorityDesk(self._run, self._people, begin=True) as one:
                    answer = act(one)
                    return _reply(answer)
            except desk.RequestError as error:
                raise SourceError(str(error)) from error
            except desk.DeskError as error:
                if "already has a writer" not in str(error) or time.monotonic() > until:
                    raise SourceError(str(error)) from error
                time.sleep(0.02)
            except ConfigError as error:
                raise SourceError(str(error)) from error


def _reply(answer: desk.Answer) -> Reply:
    zh, en = _ISSUED.get(answer.status, (answer.status, answer.status))
    if answer.code:
        zh, en = f"{zh}：{words_of(answer.code, 'zh')}", f"{en}: {words_of(answer.code, 'en')}"
    elif answer.posts:
        zh, en = f"{zh}（{'、'.join(answer.posts)}）", f"{en} ({', '.join(answer.posts)})"
    detail = {"act": answer.act, "until": answer.until, "code": answer.code}
    return Reply(answer.ok, answer.status, zh, en, answer.proposal, detail)
