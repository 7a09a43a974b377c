"""The dictionary of STEP tags used on the option platform (interfaces.md 2.3 to 2.7, 2.10).

A field has a wire type: C characters, N integer, D decimal, T time of day, I a number carried as
characters (blank when there is none). Widths are maxima; values are never padded to them. `code`
is the exchange's error for an illegal value of the tag (20000 when it has none of its own);
`choices` lists a closed set of values and `choice_code` the error for one outside it.
"""

import msgspec

from quanheng.wire.codes import describe

SOH = "\x01"
PARSE_ERROR = 20000


class Field(msgspec.Struct, frozen=True):
    """One tag of the dictionary."""

    tag: int
    name: str
    kind: str
    width: int
    decimals: int = 0
    code: int = PARSE_ERROR
    choices: tuple[str, ...] = ()
    choice_code: int = 0

    @property
    def type_text(self) -> str:
        """The type as the specification writes it: C10, N10, N11(4)."""
        if self.kind == "D":
            return f"N{self.width}({self.decimals})"
        return f"{'C' if self.kind in 'CTI' else 'N'}{self.width}"


OWNER_TYPES = ("1", "101", "102", "103", "104", "105")

FIELDS: dict[int, Field] = {
    field.tag: field
    for field in (
        Field(9, "BodyLen", "N", 5, 0, 20002),
        Field(11, "ClOrdID", "C", 10, 0, 20004),
        Field(17, "ExecID", "I", 16, 0, 20006),
        Field(31, "LastPx", "D", 11, 4, 20014),
        Field(32, "LastQty", "N", 12, 0, 20016),
        Field(35, "MsgType", "C", 4, 0, 20018),
        Field(37, "OrderID", "I", 16, 0, 20020),
        Field(38, "OrderQty", "N", 10, 0, 20022),
        Field(39, "OrdStatus", "C", 1, 0, 20024, ("0", "8", "6"), 20024),
        Field(40, "OrdType", "C", 1, 0, 20140, ("1", "2", "K"), 13330),
        Field(41, "OrigClOrdID", "C", 10, 0, 20028),
        Field(42, "OrigTime", "T", 12, 0, 20030),
        Field(44, "Price", "D", 11, 4, 20032),
        Field(48, "SecurityID", "C", 8, 0, 20034),
        Field(54, "Side", "C", 1, 0, 20036, ("1", "2"), 19036),
        Field(59, "TimeInForce", "C", 1, 0, 20144, ("0", "3", "4"), 17038),
        Field(73, "NoOrders", "N", 2, 0, 20270),
        Field(77, "PositionEffect", "C", 1, 0, 20216, ("O", "C"), 17576),
        Field(102, "CxlRejReason", "I", 5, 0, 20046),
        Field(103, "OrdRejReason", "I", 5, 0, 20048),
        Field(126, "ExpireTime", "T", 12),
        Field(131, "QuoteReqID", "C", 18),
        Field(132, "BidPx", "D", 11, 4, 20274),
        Field(133, "OfferPx", "D", 11, 4, 20276),
        Field(134, "BidSize", "N", 10, 0, 20278),
        Field(135, "OfferSize", "N", 10, 0, 20280),
        Field(150, "ExecType", "C", 1, 0, 20054, ("0", "8", "6"), 20054),
        Field(151, "LeavesQty", "N", 12, 0, 20056),
        Field(198, "SecondaryOrderID", "C", 16, 0, 20260),
        Field(203, "CoveredOrUncovered", "C", 1, 0, 20208, ("1", " "), 17598),
        Field(300, "QuoteRejectReason", "I", 5, 0, 20282),
        Field(303, "QuoteRequestType", "N", 3),
        Field(308, "UnderlyingSecurityID", "C", 6, 0, 20202),
        Field(434, "CxlRejResponseTo", "C", 1, 0, 20080),
        Field(448, "PartyID", "C", 10, 0, 20082),
        Field(452, "PartyRole", "N", 4, 0, 20084),
        Field(453, "NoPartyIDs", "N", 2, 0, 20086),
        Field(522, "OwnerType", "N", 3, 0, 20204, OWNER_TYPES, 17582),
        Field(555, "NoLegs", "N", 2, 0, 20262),
        Field(602, "LegSecurityID", "C", 8, 0, 20264),
        Field(624, "LegSide", "C", 1, 0, 20266, ("L", "S"), 20266),
        Field(658, "QuoteRequestRejectReason", "I", 5),
        Field(685, "LegOrderQty", "N", 10, 0, 20268),
        Field(747, "ExerciseMethod", "C", 1, 0, 20234, ("Z", "R"), 17626),
        Field(845, "DiscretionPrice", "D", 11, 4, 20214),
        Field(1166, "QuoteMsgID", "C", 10, 0, 20272),
        Field(1635, "MarginReqmtInqID", "C", 10, 0, 20236),
        Field(1643, "NoMarginAmt", "N", 2, 0, 20238),
        Field(1644, "MarginAmtType", "N", 3, 0, 20242),
        Field(1645, "MarginAmt", "D", 16, 2, 20240),
        Field(8504, "TotalValueTraded", "D", 17, 2, 20078),
        Field(8541, "TransactTimeOnly", "T", 12, 0, 20218),
        Field(8909, "BidPositionEffect", "C", 1, 0, 20284, ("O", "C", " "), 17576),
        Field(8910, "OfferPosionEffect", "C", 1, 0, 20286, ("O", "C", " "), 17576),
        Field(10200, "QuoteRequestTransType", "C", 1, 0, PARSE_ERROR, ("0", "1"), PARSE_ERROR),
        Field(
            10222, "QuoteRequestStatus", "C", 1, 0, PARSE_ERROR, ("0", "4", "5", "7", "8"), 20000
        ),
    )
}

QUANTITY_TAGS = frozenset((38, 134, 135, 685))
"""A negative value of these is 19070, not a malformed number."""

NEGATIVE_QUANTITY = 19070
SUB_ACCOUNT = "888"
WRONG_SUB_ACCOUNT = 17656


class WireError(Exception):
    """A message that breaks the specification: the exchange's code, the tag, the byte, the
    reason.

    `place` is "35=<type> byte <offset>" for fragments and a field's name elsewhere; `tag` is 0
    when no single tag is at fault.
    """

    def __init__(self, code: int, tag: int, place: str, reason: str) -> None:
        self.code = code
        self.tag = tag
        self.place = place
        self.reason = reason
        super().__init__(code, tag, place, reason)

    def __str__(self) -> str:
        name = FIELDS[self.tag].name if self.tag in FIELDS else ""
        what = f"tag {self.tag} {name}".rstrip() if self.tag else "message"
        return f"{describe(self.code)}: {what} at {self.place}: {self.reason}"
