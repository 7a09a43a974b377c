"""Build the rulebook of a day from texts (house.md 7). Pure: files are read by `edge`.

Precedence: the exchange's rules, then the signed agreement, then the guide's defaults; an agreement
may be tighter or looser than the guide but cannot touch an exchange rule. A house file may only
tighten what names a direction; anything else is refused with both values and both files.
"""

import hashlib
import tomllib
from typing import Any

import msgspec

from quanheng.rulebook import model
from quanheng.rulebook.calendar import Calendar
from quanheng.rulebook.rows import Row, RulebookError, chosen_readings, in_force, parse
from quanheng.rulebook.schema import KINDS
from quanheng.terms.days import weekday
from quanheng.terms.units import Day

CALENDAR_FILE = "calendar.toml"
READINGS_FILE = "readings.toml"


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One open question of rules.md 11 with what we choose and what else was possible.

    Only the default and the `implemented` alternatives can be chosen: a choice that no code follows
    would be printed and not acted upon.
    """

    name: str
    question: str
    default: str
    alternatives: tuple[str, ...]
    implemented: tuple[str, ...]  # those of the alternatives that code follows
    followed: str = ""  # room whose code acts on the reading; empty: none yet
    note: str = ""


def load_rulebook(
    day: Day,
    texts: dict[str, str],
    agreement: tuple[str, str] | None = None,
    house: tuple[str, str] | None = None,
) -> model.Rulebook:
    """The rulebook in force on `day`. `texts` are the shipped files by name; `agreement` and
    `house` are (file name, text). RulebookError names file, key and reason.
    """
    chosen = effective_rows(day, texts, agreement, house)
    values = {key: KINDS[key](row.value) for key, row in chosen.items()}
    readings = _readings(texts[READINGS_FILE], agreement)
    calendar = _calendar(texts[CALENDAR_FILE])
    content = msgspec.json.encode([day, values, readings, texts[CALENDAR_FILE]], order="sorted")
    return _build(day, hashlib.sha256(content).hexdigest(), calendar, values, readings)


def effective_rows(
    day: Day,
    texts: dict[str, str],
    agreement: tuple[str, str] | None = None,
    house: tuple[str, str] | None = None,
) -> dict[str, Row]:
    """The row behind every key on `day`, sorted by key: what `check-config` prints."""
    shipped = [
        row
        for file in sorted(texts)
        if file not in (CALENDAR_FILE, READINGS_FILE)
        for row in parse(file, texts[file])
    ]
    chosen = in_force(shipped, day)
    missing = sorted(set(KINDS) - set(chosen))
    if missing:
        raise RulebookError(f"no rule for {missing[0]!r} is in force on {day}")
    if agreement is not None:
        file, text = agreement
        for key, row in in_force(parse(file, text, "agreement"), day).items():
            if chosen[key].authority == "exchange":
                raise RulebookError(
                    f"{file}: {key} is a rule of the exchange ({chosen[key].file}); "
                    "an agreement cannot change it"
                )
            chosen[key] = msgspec.structs.replace(row, tighter=chosen[key].tighter)
    if house is not None:
        for key, row in in_force(parse(house[0], house[1], "house"), day).items():
            _require_tighter(chosen[key], row)
            chosen[key] = msgspec.structs.replace(row, tighter=chosen[key].tighter)
    return dict(sorted(chosen.items()))


def _require_tighter(upper: Row, house: Row) -> None:
    place = f"{house.file}: {house.key} = {house.value!r} against {upper.value!r} in {upper.file}"
    if not upper.tighter:
        raise RulebookError(f"{place}: this key cannot be changed by the house")
    old, new = (_number(KINDS[upper.key](row.value)) for row in (upper, house))
    bound, wanted = old[0] * new[1], new[0] * old[1]
    loosens = wanted > bound if upper.tighter == "lower" else wanted < bound
    if loosens:
        raise RulebookError(f"{place}: loosens; the house may only make it {upper.tighter}")


def _number(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, 1)


def _readings(text: str, agreement: tuple[str, str] | None) -> dict[str, str]:
    """The reading of every open question: the default, or what the agreement chose."""
    known = read_readings(text)
    readings = {key: item.default for key, item in known.items()}
    if agreement is None:
        return readings
    file = agreement[0]
    for key, wanted in chosen_readings(*agreement).items():
        if key not in known:
            raise RulebookError(f"{file}: unknown reading {key!r}")
        item = known[key]
        if wanted not in (item.default, *item.alternatives):
            allowed = [item.default, *item.alternatives]
            raise RulebookError(f"{file}: reading {key} = {wanted!r}; known: {allowed}")
        if wanted not in (item.default, *item.implemented):
            allowed = [item.default, *item.implemented]
            hint = f" ({item.note})" if item.note else ""
            raise RulebookError(
                f"{file}: reading {key} = {wanted!r} is not implemented{hint}; "
                f"can be chosen: {allowed}"
            )
        readings[key] = wanted
    return readings


def read_readings(text: str) -> dict[str, Reading]:
    """Every open question by key, A01 on."""
    try:
        readings = msgspec.convert(tomllib.loads(text), type=dict[str, Reading])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RulebookError(f"{READINGS_FILE}: {error}") from error
    for key, item in readings.items():
        for name in item.implemented:
            if name not in item.alternatives:
                raise RulebookError(f"{READINGS_FILE}: {key} implements {name!r}, no alternative")
    return readings


def _calendar(text: str) -> Calendar:
    try:
        content = tomllib.loads(text)
        closed = [day for year in content["closed"].values() for day in year]
        cal = Calendar(
            content["first"], content["last"], content["provisional_from"], tuple(sorted(closed))
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise RulebookError(f"{CALENDAR_FILE}: {error!r}") from error
    weekend = [day for day in closed if weekday(day) > 4]
    if weekend or len(dict.fromkeys(closed)) != len(closed):
        raise RulebookError(f"{CALENDAR_FILE}: {weekend or 'a day'} is a weekend or stands twice")
    return cal


def _build(
    day: Day, digest: str, calendar: Calendar, v: dict[str, Any], readings: dict[str, str]
) -> model.Rulebook:
    near, far = v["spread.near.ratio"], v["spread.far.ratio"]
    floor = v["spread.floor"]
    return model.Rulebook(
        day=day,
        hash=digest,
        calendar=calendar,
        duty=model.Duty(
            bands=((*near, floor), (*near, floor), (*far, floor), (*far, floor)),
            size_continuous=v["quote_size.continuous"],
            size_auction=v["quote_size.auction"],
            contract_share=v["participation.contract"],
            opening_share=v["participation.opening"],
            intraday_share=v["participation.intraday"],
            closing_share=v["participation.closing"],
            coverage=v["coverage.continuous"],
            opening_coverage=v["coverage.opening"],
            closing_coverage=v["coverage.closing"],
            opening_window=v["window.opening"],
            intraday_window=v["window.intraday"],
            closing_window=v["window.closing"],
            inquiry_answer=v["inquiry.answer"],
            inquiry_hold=v["inquiry.hold"],
            inquiry_share=v["inquiry.share"],
            low_price_etf=v["exempt.low_price.etf"],
            low_price_stock=v["exempt.low_price.stock"],
        ),
        rating=_rating(v),
        prices=model.Prices(
            limit_rates=v["price_limit.rates"],
            limit_floor=v["price_limit.floor"],
            breaker_ratio=v["breaker.ratio"],
            breaker_steps=v["breaker.steps"],
            breaker_auction=v["breaker.auction"],
            breaker_no_cancel=v["breaker.no_cancel"],
            limit_order_max=v["order_size.limit_max"],
            market_order_max=v["order_size.market_max"],
            order_min=v["order_size.min"],
        ),
        timetable=tuple(model.SpanRow(*row) for row in v["timetable"]),
        rates=_rates(v),
        positions=model.Positions(
            long=v["position.long"],
            total=v["position.total"],
            daily_buy_open=v["position.daily_buy_open"],
            daily_counts_sales=v["position.daily_counts_sales"],
        ),
        listing=model.Listing(
            v["listing.classes"], v["listing.strikes_each_side"], v["listing.year_days"]
        ),
        readings=readings,
        rounding=v["money.round"],
    )


def _rating(v: dict[str, Any]) -> model.Rating:
    return model.Rating(
        weights=v["rating.weights"],
        ladder=v["rating.ladder"],
        day_floor=v["rating.day_floor"],
        spread_excellent=v["rating.spread.excellent"],
        spread_pass=v["rating.spread.pass"],
        weighted_excellent=v["rating.weighted.excellent"],
        weighted_pass=v["rating.weighted.pass"],
        matrix=v["rating.matrix"],
        volume_up=v["rating.volume.up"],
        volume_down=v["rating.volume.down"],
        general_bands=v["rating.general.bands"],
        primary_scores=v["rating.primary.scores"],
        general_scores=v["rating.general.scores"],
        primary_years=v["rating.primary.years"],
        general_years=v["rating.general.years"],
        year_letters=v["rating.year_letters"],
        eliminated_share=v["rating.eliminated_share"],
        months_min=v["rating.months_min"],
        designated_makers=v["rating.designated_makers"],
        primary_year_cap=v["rating.primary.year_cap"],
        general_year_cap=v["rating.general.year_cap"],
        cancel_window=v["rating.cancel.window_months"],
        cancel_failed=v["rating.cancel.failed_months"],
        cancel_without_a=v["rating.cancel.without_a_months"],
        cancel_designated=v["rating.cancel.designated_months"],
        cancel_share=v["rating.cancel.share"],
        cancel_spared=v["rating.cancel.spared"],
        cancel_alerts=v["rating.cancel.alert_months"],
        ban_months=v["rating.ban_months"],
        resign_notice=v["rating.resign.notice_days"],
        designated_spread=v["rating.designated.spread"],
        designated_participation=v["rating.designated.participation"],
    )


def _rates(v: dict[str, Any]) -> model.Rates:
    return model.Rates(
        handling=v["fee.handling"],
        settlement=v["fee.settlement"],
        exercise=v["fee.exercise"],
        sell_open_waived=v["fee.sell_open_waived"],
        provider_share=v["fee.provider_share"],
        taker_share=v["fee.taker_share"],
        auction_share=v["fee.auction_share"],
        etf_margin=v["margin.etf"],
        stock_opening_margin=v["margin.stock.opening"],
        stock_maintenance_margin=v["margin.stock.maintenance"],
        settlement_reserve=v["settlement.reserve"],
        settlement_sell_open_waived=v["fee.settlement_sell_open_waived"],
        fail_cash=v["delivery.fail_cash"],
        fail_penalty=v["delivery.fail_penalty"],
    )
