"""The sign-on register: who stands on which post, traders by class (O-01, O-02, S-01).

A trader signs on for an underlying or for "*", every class. In each seat the last to sign on is on
duty and the others stand by: the backup takes a class over by signing on, and has it without a gap
when the main one signs off. The narrower seat wins. A class that nobody is signed on for is
REDUCING (reliability.md 2.6).
"""

import msgspec

from quanheng.terms.commands import SignOn
from quanheng.terms.contract import Chain

TRADER = "trader"
"""The post that stands behind every quote, order, cancel and hedge."""
HOUSE = "*"


class Trader(msgspec.Struct, frozen=True, array_like=True):
    """A person who may sign on as a trader, and for which underlyings; none named: for all."""

    person: str
    underlyings: tuple[str, ...] = ()


def seat(post: str, scope: str = HOUSE) -> str:
    """The name of a post in a scope, under which the register keeps its people."""
    return f"{post} {scope}"


def trader(duty: dict[str, list[str]], underlying: str) -> str:
    """The trader on duty for a class, "" when there is none."""
    for scope in (underlying, HOUSE):
        people = duty.get(seat(TRADER, scope))
        if people:
            return people[-1]
    return ""


def signed_on(duty: dict[str, list[str]], person: str, underlying: str) -> bool:
    """True when a person is signed on as a trader for a class, on duty or standing by."""
    return any(person in duty.get(seat(TRADER, scope), ()) for scope in (underlying, HOUSE))


def problem(chain: Chain, traders: tuple[Trader, ...], body: SignOn) -> str:
    """Why a person may not sign on, "" when he or she may: only those who hold the post, and only
    for classes they are permitted for.
    """
    if body.post != TRADER:
        return "" if body.scope == HOUSE else f"the post {body.post} has no classes"
    if body.scope not in (HOUSE, *(item.underlying for item in chain.classes)):
        return f"unknown scope {body.scope}"
    mine = next((one for one in traders if one.person == body.person), None)
    if mine is None:
        return f"{body.person} does not hold the post {TRADER}"
    if mine.underlyings and body.scope not in mine.underlyings:
        return f"{body.person} may trade {', '.join(mine.underlyings)}, not {body.scope}"
    return ""


def change(duty: dict[str, list[str]], body: SignOn) -> bool:
    """Take or leave a seat; False when somebody leaves a seat that is not theirs."""
    name = seat(body.post, body.scope)
    people = duty.get(name, [])
    left = [person for person in people if person != body.person]
    if not body.on and left == people:
        return False
    duty[name] = [*left, body.person] if body.on else left
    if not duty[name]:
        del duty[name]
    return True


def admit(duty: dict[str, list[str]], chain: Chain, traders: tuple[Trader, ...]) -> list[SignOn]:
    """Take those out who signed on before the day's data was known and may not stand there; returns
    their sign-ons.
    """
    turned_away = []
    for name, people in list(duty.items()):
        post, _, scope = name.partition(" ")
        for person in list(people):
            body = SignOn(post, person, True, scope)
            if problem(chain, traders, body):
                change(duty, SignOn(post, person, False, scope))
                turned_away.append(body)
    return turned_away
