"""Was an inquiry answered? One rule, on a maker's history of compliant quotes (Q-06, E-04).

An inquiry at t0 is answered when a compliant two-sided quote stands at some tau in [t0, t0 +
answer], and keeps standing for `hold` from tau on, or until an instant at which the maker
trades the contract (rules.md 10.1-7, duty_dataset.md 5). A quote that already rests counts with
tau = t0 (reading A19). A hold never runs past the end of the continuous phase.
"""

from quanheng.terms.units import Nanos

FOREVER = 1 << 62
"""An instant later than every real one."""


def answered(
    log: list[tuple[Nanos, bool, bool]],
    trades: list[Nanos],
    t0: Nanos,
    stop: Nanos,
    answer: Nanos,
    hold: Nanos,
    *,
    fresh: bool,
) -> bool:
    """True when an inquiry at `t0` counts as answered.

    `log` is (since, compliant, sent then) in time order, each entry valid until the next, the last
    one for good; its first entry is at or before `t0`. `fresh` wants a quote sent after `t0` (A19).
    `trades` are instants of the maker's trades in the contract after `t0`. `stop` is the end of
    the phase or FOREVER.
    """
    tau = -1
    for at, compliant, sent in log:
        if at <= t0:
            tau = t0 if compliant and not fresh else -1
        elif at >= stop:
            break
        elif compliant:
            if tau < 0 and (sent or not fresh):
                if at > t0 + answer:
                    return False
                tau = at
        elif tau >= 0:
            if at - tau >= hold or at in trades:
                return True
            tau = -1
    return tau >= 0 and (stop - tau >= hold or stop in trades)
