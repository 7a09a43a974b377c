"""The fees file of an agreement (duty_dataset.md 9): what a role earns at a grade.

[[fee]]
role = "provider"          # provider, taker or auction
grade = "A"                # of the month, or "*"
underlying = "510050"      # or "*", the default
handling_fee = "1.3"       # yuan per contract, as rebate and reward
rebate = "1.3"
reward = "0.2"
from = 2024-01-01          # optional, as `until`
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from quanheng.duties.fees import ANY, FeeError, FeeRule, check_rules
from quanheng.rulebook.schema import GRADES, money
from quanheng.terms.units import Day

FIELDS = {"role", "grade", "underlying", "handling_fee", "rebate", "reward", "from", "until"}


def read_fees(path: Path) -> tuple[FeeRule, ...]:
    """The rules of a file. FeeError names the file, the row and the reason."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = tuple(_rule(number, raw) for number, raw in enumerate(content["fee"], start=1))
        check_rules(rules)
    except KeyError as error:
        raise FeeError(f"{path}: no [[fee]] in the file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, FeeError) as error:
        raise FeeError(f"{path}: {error}") from error
    return rules


def _rule(number: int, raw: dict[str, Any]) -> FeeRule:
    unknown = sorted(set(raw) - FIELDS)
    if unknown:
        raise FeeError(f"fee {number}: unknown field {unknown[0]!r}")
    try:
        grade = raw.get("grade", ANY)
        if grade not in (*GRADES, ANY):
            raise FeeError(f"fee {number}: grade {grade!r} is not one of {', '.join(GRADES)} or *")
        return FeeRule(
            role=raw["role"],
            grade=grade,
            underlying=raw.get("underlying", ANY),
            handling_fee=money(raw["handling_fee"]),
            rebate=money(raw.get("rebate", "0")),
            reward=money(raw.get("reward", "0")),
            since=_day(number, raw.get("from")),
            until=_day(number, raw.get("until")),
        )
    except KeyError as error:
        raise FeeError(f"fee {number}: {error.args[0]} is missing") from error
    except FeeError:
        raise
    except ValueError as error:
        raise FeeError(f"fee {number}: {error}") from error


def _day(number: int, value: Any) -> Day:
    if value is None:
        return 0
    if not isinstance(value, date):
        raise FeeError(f"fee {number}: {value!r} is not a day")
    return value.year * 10_000 + value.month * 100 + value.day
