"""The verb `backtest`: options in, a JSON-able result, a text and ok out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.backtest import BacktestPlan, backtest
from quanheng.compose.backtest_report import (
    BOUND_WORDS,
    bounds_table,
    duties_text,
    plain_result,
    write_report,
)
from quanheng.compose.commands import Result, UsageError, cadence, fresh
from quanheng.compose.progress import Progress
from quanheng.compose.tapes import load_tape
from quanheng.config import Config, ParameterConfig, read_config
from quanheng.exchange.tape_fills import BOUNDS
from quanheng.maker.parameters import problem
from quanheng.terms.contract import Chain

Setting = tuple[str, str, int]  # scope, parameter, value


def setting(text: str, option: str = "--param") -> Setting:
    """(scope, name, value) of `name=value` or `scope:name=value`. UsageError otherwise."""
    left, equals, value = text.partition("=")
    scope, colon, name = left.rpartition(":")
    digits = value.removeprefix("-")
    if not equals or not name or not digits.isdigit():
        raise UsageError(f"{option} {text!r} is not name=value or scope:name=value")
    return (scope if colon else "*", name, int(value))


def with_settings(config: Config, settings: Sequence[Setting]) -> Config:
    """The configuration with settings of quote parameters on top of its own."""
    more = tuple(ParameterConfig(*one) for one in settings)
    return msgspec.structs.replace(config, parameters=config.parameters + more)


def check_settings(chain: Chain, settings: Sequence[Setting], option: str = "--param") -> None:
    """UsageError for a setting that the maker would not take on this chain (I-16)."""
    for scope, name, value in settings:
        wrong = problem(chain, scope, name, value)
        if wrong:
            raise UsageError(f"{option} {scope}:{name}={value}: {wrong}")


def bounds_of(fills: str) -> tuple[str, ...]:
    """The bounds of --fills."""
    return BOUNDS if fills == "both" else (fills,)


def plan_of(
    tape: Path, fills: str, settings: Sequence[Setting], options: dict[str, Any]
) -> BacktestPlan:
    """The plan of one bound with the options of the verbs that run tapes."""
    config = read_config(options["config"])
    return BacktestPlan(
        tape=tape,
        config=with_settings(config, settings),
        fills=fills,
        feed=cadence(options["feed_latency"], "--feed-latency"),
        order=cadence(options["order_latency"], "--order-latency"),
        agreement=options["agreement"],
        house=options["house"],
        models=options["models"],
    )


def run(
    tape: Path, fills: str, params: Sequence[str], language: str, options: dict[str, Any]
) -> tuple[Result, str, bool]:
    """Run a tape under one bound or both and show what came of it."""
    settings = [setting(text) for text in params]
    manifest, chain = load_tape(tape)
    check_settings(chain, settings)
    results = []
    for bound in bounds_of(fills):
        plan = plan_of(tape, bound, settings, options)
        results.append(backtest(plan, Progress(f"{tape.name} {BOUND_WORDS[language][bound]}")))
    lines = "".join(f"{result.fills} {result.digest}\n" for result in results)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    out = fresh(options["out"] / f"{manifest.day}-backtest-{tape.name}")
    write_report(out, tape, manifest, params, results, language)
    text = [
        bounds_table(results, language),
        "",
        duties_text(manifest, tape.name, results, language),
        f"run {out}",
        f"digest {digest}",
    ]
    answer = {
        "run": str(out),
        "digest": digest,
        "settings": list(params),
        "bounds": [plain_result(result) for result in results],
    }
    return answer, "\n".join(text), all(result.ok for result in results)
