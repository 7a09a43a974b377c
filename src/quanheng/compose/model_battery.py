"""Which battery tests what, digests of records, and speeds for people (I-09, R-05)."""

import hashlib
import time
from collections.abc import Callable

import msgspec
import numpy as np

from quanheng.compose import curve_checks
from quanheng.compose.curve_checks import SCENARIOS, curve_battery, fitted, points, record_curve
from quanheng.compose.model_checks import record_black
from quanheng.compose.model_checks_trees import record_trees
from quanheng.compose.model_record import NOT_RUN, CheckResult, TestRecord
from quanheng.compose.model_registry import STRATEGY, Model, load_plugin, origin
from quanheng.compose.model_sources import libraries, system_version
from quanheng.compose.offset_checks import record_offsets
from quanheng.compose.strategy_checks import record_strategy, strategy_battery
from quanheng.config import ConfigError
from quanheng.edge import plugins
from quanheng.kernels.desk.black import ROWS, price_chain
from quanheng.kernels.desk.plugged import PLUGGED

BATTERIES: dict[str, Callable[[], TestRecord]] = {
    "black76": record_black,
    "binomial": record_trees,
}
"""Batteries of the models that are no curves."""
_FOREIGN = ("quantlib",)
"""Checks against packages that need not be installed are shown, but are no part of the digest."""


def record_of(model: Model) -> TestRecord:
    """Run a model's battery. ConfigError for a model that has none, and for a plug-in that is not
    installed as it was registered.
    """
    if model.code >= PLUGGED:
        return _record_of_plugin(model)
    if model.kind == STRATEGY:
        return record_strategy(model.name, model.modules)
    if model.code:
        return record_curve(model.code, model.modules)
    if model.name == "offsets":
        return record_offsets(model.modules)
    if model.name not in BATTERIES:
        raise ConfigError(f"model {model.name} has no battery of tests")
    return BATTERIES[model.name]()


def _record_of_plugin(model: Model) -> TestRecord:
    """The battery of its kind over what the wheel brought."""
    load_plugin(model)
    strategy = model.kind == STRATEGY
    checks = strategy_battery(model.code) if strategy else curve_battery(model.code)
    sources = tuple(plugins.files_of(plugins.find(model.slot, model.name)))
    return msgspec.structs.replace(untested(model), sources=sources, checks=tuple(checks))


def untested(model: Model) -> TestRecord:
    """The record of a plug-in without a check."""
    return TestRecord(
        model.name, model.name, origin(model), system_version(), model.source, (), libraries(), ()
    )


def _line(check: CheckResult) -> tuple[str, int, str, str, str]:
    """What a digest takes of a check: two digits of the worst case say enough."""
    return (check.name, check.cases, f"{check.worst:.1e}", f"{check.allowed:.1e}", check.outcome)


def record_digest(record: TestRecord) -> str:
    """SHA-256, hex, over the checks of a record; empty when it was not passed.

    Libraries, times and checks of foreign packages are left out, so that it is the same on every
    machine that gives the same bits.
    """
    if not record.passed:
        return ""
    lines = [
        _line(check)
        for check in record.checks
        if check.outcome != NOT_RUN and not check.name.startswith(_FOREIGN)
    ]
    return hashlib.sha256(msgspec.json.encode((record.model, lines))).hexdigest()


def speed(model: Model) -> float:
    """Microseconds of a warm fit of one expiry, or of one price with its Greeks; NaN for others."""
    if model.kind == "curve":
        _, tau, *smile = SCENARIOS[0]
        k, vol = points(tau, *smile)
        row = fitted(model.code, tau, k, vol)
        return _best(lambda: fitted(model.code, tau, k, vol, row), 1)
    if model.kind != "pricing":
        return float("nan")
    n = 1_000
    strike = np.linspace(2.0, 3.0, n)
    ones, out = np.ones(n), np.empty((ROWS, n))
    forward = curve_checks.FORWARD * ones
    return _best(lambda: price_chain(ones, forward, strike, 0.2 * ones, 0.1 * ones, ones, out), n)


def _best(call: Callable[[], object], items: int) -> float:
    times = []
    for _ in range(200):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times) / items * 1e6
