"""The ladder of pre-trade checks: judging wants, and the only way out.

`Passed` is built in this file alone, and requests are built from nothing else ("one path out"). The
table of the checks is `ladder`, their arithmetic `check_kernels` and `guard_kernels`, the scalar
form `twin`.
"""

import msgspec
import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import twin
from quanheng.maker.check_kernels import mask
from quanheng.maker.instruction_rungs import BY_CHECK, Ask
from quanheng.maker.ladder import LADDER, Rung
from quanheng.terms.business import BusinessRequest
from quanheng.terms.codes import Action, Check

CHECKS = max(int(check) for check in Check)


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """The first broken rung of a want; of an instruction with the exchange's code, 0 for none."""

    check: Check
    action: Action
    code: int = 0


class Passed(msgspec.Struct, frozen=True):
    """Want rows int64[n, Q] that passed the whole ladder, in the order they may leave."""

    rows: np.ndarray


class Vetted(msgspec.Struct, frozen=True):
    """An instruction that passed every rung of its kind, still without a client id."""

    request: BusinessRequest


def vet(ask: Ask, request: BusinessRequest, ladder: tuple[Rung, ...] = LADDER) -> Vetted | Refused:
    """Judge one instruction that does not trade, rung by rung as `instruction_rungs` says."""
    for rung in ladder:
        judge_ = BY_CHECK[rung.check]
        if rung.action == Action.ALLOW or judge_.broken is None or ask.kind not in judge_.kinds:
            continue
        code = judge_.broken(ask)
        if code:
            return Refused(rung.check, rung.action, max(code, 0))
    return Vetted(request)


def actions_table(ladder: tuple[Rung, ...] = LADDER) -> np.ndarray:
    """What each check does, int64[CHECKS + 1, A]; checks without a rung are ALLOW."""
    table = np.zeros((CHECKS + 1, c.A_COLUMNS), dtype=np.int64)
    for rung in ladder:
        table[rung.check] = rung.action, rung.soft
    return table


def judge(
    context: np.ndarray,
    want: np.ndarray,
    limits: np.ndarray,
    soft: np.ndarray,
    totals: np.ndarray,
    actions: np.ndarray,
) -> Passed:
    """Run the ladder over want rows; codes are written into them, totals are reserved."""
    count = mask(context, want, limits, soft, totals, actions)
    if count == want.shape[0]:
        return Passed(want)
    return Passed(want[want[:, c.Q_CODE] == 0])


def joined(first: Passed, second: Passed) -> Passed:
    """What passed in two turns, in this order."""
    return Passed(np.concatenate([first.rows, second.rows]))


def review(
    x: list[int],
    w: list[int],
    limits: list[int],
    soft: list[int],
    totals: list[int],
    ladder: tuple[Rung, ...] = LADDER,
) -> Passed | Refused:
    """Judge one want: the obvious form of the ladder, for people's orders and as the twin.

    x, w, limits and soft are rows as in `columns`; totals is changed when the want passes. The
    first warning, 0 none, is written into the want.
    """
    w[c.Q_WARNED] = 0
    for rung in ladder:
        if rung.action == Action.ALLOW:
            continue
        if rung.action != Action.WARN and twin.broken(rung.check, x, w, limits, totals):
            return Refused(rung.check, rung.action)
        warns = rung.soft or rung.action == Action.WARN
        if warns and not w[c.Q_WARNED] and twin.broken(rung.check, x, w, soft, totals):
            w[c.Q_WARNED] = int(rung.check)
    _reserve(x, w, limits, totals)
    return Passed(np.array([w], dtype=np.int64))


def _reserve(x: list[int], w: list[int], limits: list[int], totals: list[int]) -> None:
    opens, sales = twin.opening(w)
    totals[c.S_LONG] += opens
    totals[c.S_BUY_OPEN] += opens
    totals[c.S_TOTAL] += opens + sales
    totals[c.S_FUNDS] += twin.claim(x, w)
    totals[c.S_TOKENS] -= 1
    for i, (up, down) in enumerate(twin.greek_moves(x, w)):
        totals[c.S_DELTA_UP + 2 * i] += up
        totals[c.S_DELTA_DOWN + 2 * i] += down
    totals[c.S_PREMIUM] += twin.cost(x, w, limits)
    totals[c.S_ASSIGN] += sales * x[c.C_ASSIGN]
    totals[c.S_MESSAGES] += 1
    totals[c.S_DAY_ORDERS] += 1
