"""What every STEP message of the option platform consists of, in wire order (interfaces.md 2.4).

A message is a flat list of items: a group is written out, and a message whose group varies has one
form per size. An item with a `literal` must have exactly that value; the other items are the
message's values, in order. A form's name is its tag 35, after the business where one letter means
different things (`OTE.D`), before the size of its group (`U12:2`).
"""

import re

import msgspec

from quanheng.wire.fields import (
    FIELDS,
    SOH,
    SUB_ACCOUNT,
    WRONG_SUB_ACCOUNT,
    Field,
)


class Item(msgspec.Struct, frozen=True):
    """One place in a message: a field, perhaps narrowed or fixed to a literal."""

    field: Field
    literal: str = ""


class Message(msgspec.Struct, frozen=True):
    """One message type: its tag 35, its name, and the items after tag 35."""

    kind: str
    name: str
    items: tuple[Item, ...]

    @property
    def tags(self) -> frozenset[int]:
        """Tags that belong to the message."""
        return frozenset(item.field.tag for item in self.items)


def _item(
    tag: int,
    literal: str = "",
    width: int = 0,
    choices: tuple[str, ...] = (),
    code: int = 0,
) -> Item:
    field = FIELDS[tag]
    changes: dict[str, object] = {}
    if width:
        changes["width"] = width
    if choices or literal:  # a literal is its own only choice
        changes["choices"] = choices
        changes["choice_code"] = field.code
    if code:
        changes["choice_code"] = code
    return Item(msgspec.structs.replace(field, **changes) if changes else field, literal)


def _items(*tags: int) -> tuple[Item, ...]:
    return tuple(_item(tag) for tag in tags)


def _party(role: str, width: int, literal: str = "", code: int = 0) -> tuple[Item, ...]:
    return (_item(448, literal, width, code=code), _item(452, role))


ACCOUNT, TRADING_UNIT = _party("5", 10), _party("1", 5)
PARTIES_4 = (
    _item(453, "4"),
    *ACCOUNT,
    *_party("500", 3, SUB_ACCOUNT, WRONG_SUB_ACCOUNT),
    *TRADING_UNIT,
    *_party("4001", 5),
)
"""Requests and trades: values account, trading unit, branch."""

PARTIES_2 = (_item(453, "2"), *ACCOUNT, *TRADING_UNIT)
"""Responses: values account, trading unit."""

_TWO_SIDES = _items(1166, 48, 522, 132, 133, 134, 135, 8909, 8910)
_REPLACED = (
    _item(73, "2"),
    *_items(41, 151),
    _item(54, "1"),
    *_items(41, 151),
    _item(54, "2"),
)
_ACCEPTED_OR_NOT = ("0", "8")
_DONE_OR_NOT = ("6", "8")
_BOTH_STATES = {
    "AJ": (_item(150, choices=_ACCEPTED_OR_NOT), _item(39, choices=_ACCEPTED_OR_NOT)),
    "AI": (_item(150, choices=_DONE_OR_NOT), _item(39, choices=_DONE_OR_NOT)),
}

_ORDERED: dict[str, Message] = {
    message.kind: message
    for message in (
        Message(
            "D",
            "NewOrder",
            (*_items(11, 48, 522, 44, 38, 54, 77, 40, 59, 203), *PARTIES_4),
        ),
        Message("F", "OrderCancel", (*_items(11, 41, 48, 522), *PARTIES_4)),
        Message("S", "Quote", (*_TWO_SIDES, *PARTIES_4)),
        Message("Z", "QuoteCancel", (*_TWO_SIDES, *PARTIES_4)),
        Message(
            "8",
            "OrderAck",
            (
                *_items(37, 150, 39, 48, 11, 41, 522, 44, 38, 54, 77, 40, 59),
                *_items(8541, 845, 151, 103, 203),
                *PARTIES_2,
            ),
        ),
        Message(
            "9",
            "CancelReject",
            (
                _item(37),
                _item(39, "8"),
                *_items(11, 41, 8541, 102),
                _item(434, "1"),
                *PARTIES_2,
            ),
        ),
        Message(
            "U11",
            "Trade",
            (
                *_items(11, 37, 17, 48, 31, 32, 151, 54, 77, 203, 8541, 42),
                _item(150, "F"),
                _item(522),
                _item(39, choices=("1", "2")),
                _item(8504),
                *PARTIES_4,
            ),
        ),
        *(
            Message(
                kind,
                name,
                (
                    _item(37),
                    *_BOTH_STATES[kind],
                    *_TWO_SIDES,
                    *_items(300, 8541),
                    *_REPLACED,
                    *PARTIES_2,
                ),
            )
            for kind, name in (("AJ", "QuoteAck"), ("AI", "QuoteCancelAck"))
        ),
        Message(
            "R",
            "Inquiry",
            (
                *_items(131, 48),
                _item(54, choices=("1", "2", " ")),
                _item(38),
                _item(303, "102"),
                *_items(10222, 8541, 126),
            ),
        ),
    )
}

STRATEGIES = ("CNSJC", "CXSJC", "PNSJC", "PXSJC", "KS", "KKS", "ZBD")
"""Strategy codes of combinations (interfaces.md 2.4); another one is 19267."""
MOST_LEGS = 4

_STRATEGY = _item(48, choices=STRATEGIES, code=19267)
_LEG = _items(602, 624, 203, 685)
_TWO_LEGS = (_item(555, "2"), *_items(602, 685, 602, 685))
_STATES = (_item(150), _item(39))
_NO_CANCEL = _BOTH_STATES["AJ"]
_MARGIN_PARTIES = (_item(453, "2"), *_party("100", 25), *TRADING_UNIT)
_BUILD = _item(54, choices=("B", "C"), code=19036)
_LOCK = _item(54, choices=("Z", "Y"), code=19036)


def _legs(count: int) -> tuple[Item, ...]:
    return (_item(555, str(count)), *_LEG * count)


_ASKED = (
    _item(131, width=10),
    *_items(48, 522),
    _item(54, choices=("1", "2", " "), code=19036),
    *_items(38, 10200),
)

_BUSINESS: dict[str, Message] = {
    "OTU.D": Message("D", "Lock", (*_items(11, 308, 38), _LOCK, *PARTIES_4)),
    "OTE.D": Message("D", "Exercise", (*_items(11, 48, 522, 38), *PARTIES_4)),
    "OCE.D": Message("D", "MergedExercise", (_item(11), *_TWO_LEGS, *_items(522, 38), *PARTIES_4)),
    "OTT.D": Message("D", "DisposalTransfer", (*_items(11, 308, 522, 38, 747), *PARTIES_4)),
    **{
        f"{business}.F": Message(
            "F", "BusinessCancel", (*_items(11, 41), _item(48, width=8), _item(522), *PARTIES_4)
        )
        for business in ("OTE", "OCE", "OTT")
    },
    "ORQ.R": Message("R", "InquiryRequest", (*_ASKED, *PARTIES_4)),
    "ORQA.R": Message(
        "R",
        "InquiryAck",
        (*_ASKED, _item(37), _item(303, "101"), *_items(10222, 658, 8541), *PARTIES_2),
    ),
    "CH": Message("CH", "MarginInquiry", (_item(1635), *_MARGIN_PARTIES)),
    "CJ": Message(
        "CJ",
        "MarginAnswer",
        (
            *_items(1635, 102, 8541),
            *(_item(1643, "2"), _item(1645), _item(1644, "22"), _item(1645), _item(1644, "101")),
            *_MARGIN_PARTIES,
        ),
    ),
    "U14": Message(
        "U14",
        "LockAck",
        (_item(37), *_NO_CANCEL, *_items(11, 308, 38), _LOCK, *_items(8541, 103), *PARTIES_2),
    ),
    "U15": Message(
        "U15",
        "ExerciseAck",
        (_item(37), *_STATES, *_items(11, 41, 48, 38, 8541, 103), *PARTIES_2),
    ),
    "U16": Message(
        "U16",
        "MergedExerciseAck",
        (_item(37), *_STATES, *_items(11, 41), *_TWO_LEGS, *_items(38, 8541, 103), *PARTIES_2),
    ),
    "U17": Message(
        "U17",
        "DisposalAck",
        (_item(37), *_STATES, *_items(11, 41, 308, 38, 747, 8541, 103), *PARTIES_2),
    ),
}
for _count in range(1, MOST_LEGS + 1):
    _BUSINESS[f"OML.D:{_count}"] = Message(
        "D",
        "Combination",
        (*_items(11, 522), _STRATEGY, _BUILD, *_items(38, 198), *_legs(_count), *PARTIES_4),
    )
    _BUSINESS[f"U13:{_count}"] = Message(
        "U13",
        "CombinationAck",
        (
            *(_item(37), *_NO_CANCEL, _item(522), _STRATEGY, _item(11), _BUILD),
            *(*_items(38, 198), *_legs(_count), *_items(8541, 103), *PARTIES_2),
        ),
    )
    _BUSINESS[f"U12:{_count}"] = Message(
        "U12",
        "CombinationDone",
        (
            *(_item(11), _STRATEGY, _item(17), _item(54, choices=("B", "C", "F"), code=19036)),
            *(*_items(32, 198), *_legs(_count), *_items(8541, 42, 522), *PARTIES_4),
        ),
    )

MESSAGES: dict[str, Message] = {**_ORDERED, **_BUSINESS}
GROUPED = frozenset(("OML.D", "U13", "U12"))
"""Names whose form depends on NoLegs."""

REQUEST_KINDS: dict[str, tuple[str, ...]] = {
    "OTO": ("D", "F"),
    "OQO": ("S", "Z"),
    "OTU": ("D",),
    "OML": ("D",),
    "OTE": ("D", "F"),
    "OCE": ("D", "F"),
    "OTT": ("D", "F"),
    "OMR": ("CH",),
    "ORQ": ("R",),
}
"""Message types a business (ReqID) accepts (interfaces.md 2.2)."""


def _value_pattern(field: Field) -> str:
    if any(len(choice) > 1 for choice in field.choices):
        return "(" + "|".join(field.choices) + ")"
    if field.choices:
        return "([" + "".join(field.choices) + "])"
    if field.kind == "N":
        return rf"(\d{{1,{field.width}}})"
    if field.kind == "D":
        return rf"(\d{{1,{field.width - field.decimals - 1}}}\.\d{{{field.decimals}}})"
    if field.kind == "T":
        return r"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d\d\d)"
    if field.kind == "I":
        return rf"( |\d{{1,{field.width}}})"
    return rf"([ -{{}}~]{{1,{field.width}}})"


def fast_pattern(message: Message) -> re.Pattern[str]:
    """A pattern that a message in canonical form matches whole: group 1 is BodyLen, then the
    values.
    """
    parts = [rf"9=(\d{{1,5}}){SOH}35={message.kind}{SOH}"]
    for item in message.items:
        value = re.escape(item.literal) if item.literal else _value_pattern(item.field)
        parts.append(f"{item.field.tag}={value}{SOH}")
    return re.compile("".join(parts), re.ASCII)
