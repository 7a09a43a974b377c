"""The contract master, reff03 and reff0302, and the day's Contracts (interfaces.md 3.2, 3.3).

Prices of the file have four decimals and are Ticks; the margin per contract has two and is Money.
"""

from quanheng.terms.contract import Contract
from quanheng.terms.units import MONEY_PER_FEN, half_up
from quanheng.wire import records, xml_files
from quanheng.wire.records import BadRecord, Value

_FORM, _SECOND = "reff03", "reff0302"
_REQUIRED_DAYS = ("StartDate", "EndDate", "ExerciseDate", "DeliveryDate", "ExpireDate")


def to_row(contract: Contract) -> tuple[Value, ...]:
    """The R0301 values of a contract; its margin is rounded half up to 0.01 yuan."""
    return (
        "R0301",
        contract.code,
        contract.trading_code,
        contract.symbol,
        contract.underlying,
        contract.underlying_symbol,
        contract.underlying_type,
        contract.style,
        contract.kind,
        contract.unit,
        contract.strike,
        contract.first_day,
        contract.last_day,
        contract.exercise_day,
        contract.delivery_day,
        contract.expire_day,
        contract.version,
        contract.open_interest,
        contract.previous_close,
        contract.previous_settle,
        contract.underlying_close,
        "N",
        contract.limit_up,
        contract.limit_down,
        half_up(contract.margin_unit, MONEY_PER_FEN),
        contract.margin_ratio_1,
        contract.margin_ratio_2,
        contract.round_lot,
        contract.limit_min,
        contract.limit_max,
        contract.market_min,
        contract.market_max,
        contract.step,
        contract.status.rstrip(" "),
        contract.auto_split_day,
    )


def write_contracts(contracts: list[Contract]) -> bytes:
    """The reff03 file. ValueError names a field that does not fit."""
    return records.write(records.layout(_FORM), [to_row(contract) for contract in contracts])


def read_contracts(data: bytes) -> tuple[list[Contract], list[BadRecord]]:
    """Contracts of a reff03 file, and the records left out. Never raises for bad content.

    Of records with the same code none is taken: it cannot be told which one is right.
    """
    form = records.layout(_FORM)
    found: dict[str, Contract] = {}
    bad: list[BadRecord] = []
    line_of: dict[str, int] = {}
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if number == len(lines):
            if line:
                bad.append(BadRecord(number, "record", "the last line has no line feed"))
            break
        try:
            contract = _contract(records.parse_line(form, line))
            code = contract.code
            if code in line_of:
                if found.pop(code, None) is not None:
                    twin = f"{code} appears again in line {number}"
                    bad.append(BadRecord(line_of[code], "SecurityID", twin))
                raise ValueError("SecurityID", f"{code} is also in line {line_of[code]}")
        except ValueError as error:
            bad.append(BadRecord(number, *error.args))
            continue
        line_of[code] = number
        found[code] = contract
    return list(found.values()), bad


def write_second_edition(contracts: list[Contract]) -> bytes:
    """The reff0302 file; its longer names hold what reff03 holds. ValueError as above."""
    rows = [(*to_row(contract), contract.underlying_symbol) for contract in contracts]
    return xml_files.write(records.layout(_SECOND), rows)


def read_second_edition(data: bytes) -> tuple[list[Contract], list[BadRecord]]:
    """Contracts of a reff0302 file, and the records left out, by their number where the document
    is sound. Never raises for bad content; twins are both left out.
    """
    found = xml_files.read(records.layout(_SECOND), data)
    bad = list(found.quarantined)
    contracts: dict[str, Contract] = {}
    seen: dict[str, int] = {}
    for number, row in enumerate(found.rows, 1):
        code = str(row[1])
        try:
            contract = _contract(row[:-1])
            if code in seen:
                contracts.pop(code, None)
                raise ValueError("SecurityID", f"{code} is also record {seen[code]}")
        except ValueError as error:
            bad.append(BadRecord(number, *error.args))
            continue
        seen[code] = number
        contracts[code] = contract
    return list(contracts.values()), bad


def _contract(row: tuple[Value, ...]) -> Contract:
    """Contract of a checked row. ValueError((field, reason)) for values that make no sense."""
    form = records.layout(_FORM)
    values = {field.name: value for field, value in zip(form.fields, row, strict=True)}
    text = {name: value for name, value in values.items() if isinstance(value, str)}
    number = {name: value for name, value in values.items() if isinstance(value, int)}
    _check(text, number)
    return Contract(
        code=text["SecurityID"],
        trading_code=text["ContractID"],
        symbol=text["ContractSymbol"],
        underlying=text["UnderlyingSecurityID"],
        underlying_symbol=text["UnderlyingSymbol"],
        underlying_type=text["UnderlyingType"],
        style=text["OptionType"],
        kind=text["CallOrPut"],
        unit=number["ContractMultiplierUnit"],
        strike=number["ExercisePrice"],
        first_day=number["StartDate"],
        last_day=number["EndDate"],
        exercise_day=number["ExerciseDate"],
        delivery_day=number["DeliveryDate"],
        expire_day=number["ExpireDate"],
        version=text["UpdateVersion"],
        open_interest=number["TotalLongPosition"],
        previous_close=number["SecurityClosePx"],
        previous_settle=number["SettlPrice"],
        underlying_close=number["UnderlyingClosePx"],
        limit_up=number["DailyPriceUpLimit"],
        limit_down=number["DailyPriceDownLimit"],
        margin_unit=number["MarginUnit"] * MONEY_PER_FEN,
        margin_ratio_1=number["MarginRatioParam1"],
        margin_ratio_2=number["MarginRatioParam2"],
        round_lot=number["RoundLot"],
        limit_min=number["LmtOrdMinFloor"],
        limit_max=number["LmtOrdMaxFloor"],
        market_min=number["MktOrdMinFloor"],
        market_max=number["MktOrdMaxFloor"],
        step=number["TickSize"],
        status=text["SecurityStatusFlag"].ljust(8),
        auto_split_day=number["AutoSplitDate"],
    )


def _check(text: dict[str, str], number: dict[str, int]) -> None:
    for name, width in (("SecurityID", 8), ("UnderlyingSecurityID", 6)):
        value = text[name]
        if not (len(value) == width and value.isascii() and value.isdigit()):
            raise ValueError(name, f"{value!r} is not {width} digits")
    for name, choices in (
        ("CallOrPut", "CP"),
        ("OptionType", "EA"),
        ("PriceLimitType", "N"),
    ):
        if not text[name] or text[name] not in choices:
            raise ValueError(name, f"{text[name]!r} is not one of {', '.join(choices)}")
    if text["UnderlyingType"] not in ("EBS", "ASH"):
        raise ValueError("UnderlyingType", f"{text['UnderlyingType']!r} is not EBS or ASH")
    for name in _REQUIRED_DAYS:
        if not number[name]:
            raise ValueError(name, "is blank")
    for name in ("ContractMultiplierUnit", "ExercisePrice", "TickSize", "RoundLot"):
        if number[name] <= 0:
            raise ValueError(name, f"{number[name]} is not above 0")
    if number["DailyPriceUpLimit"] < number["DailyPriceDownLimit"]:
        raise ValueError("DailyPriceUpLimit", "is below DailyPriceDownLimit")
