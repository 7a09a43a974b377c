"""STEP fragments: golden bytes, round trips, and the exchange's code for every kind of mistake."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_samples import (
    ACK_TEXT,
    CANCEL,
    CANCEL_TEXT,
    DAY,
    ORDER,
    ORDER_CANCEL,
    ORDER_TEXT,
    PROFILE,
    QUOTE,
    QUOTE_TEXT,
    TRADE_TEXT,
    soh,
)

from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.days import midnight
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import (
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    ReportBody,
    Request,
    Trade,
)
from quanheng.terms.units import MILLISECOND
from quanheng.wire import fragment, step
from quanheng.wire.fields import FIELDS
from quanheng.wire.messages import MESSAGES
from quanheng.wire.profile import Profile

GOLDEN_REQUESTS = [("OQO", QUOTE, QUOTE_TEXT), ("OQO", CANCEL, CANCEL_TEXT)]
GOLDEN_REQUESTS += [("OTO", ORDER, ORDER_TEXT)]  # type: ignore[list-item]

IDS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=10, max_size=10)
CODES = st.integers(10_000_001, 99_999_999).map(str)
PRICES = st.integers(0, 10**10 - 1)
SIZES = st.integers(1, 10**10 - 1)
AT = st.integers(0, 86_399_999).map(lambda ms: midnight(DAY) + ms * MILLISECOND)
NUMBERS = st.integers(0, 10**16 - 1)
REASONS = st.integers(0, 99_999)
EFFECTS = st.sampled_from(Effect)
SIDES = st.sampled_from(Side)
KINDS = st.sampled_from(OrderKind)
OLD_IDS = st.one_of(st.just(""), IDS)
LEAVES = st.integers(0, 10**12 - 1)

REQUESTS = st.one_of(
    st.builds(NewOrder, IDS, CODES, SIDES, EFFECTS, KINDS, PRICES, SIZES, st.booleans()),
    st.builds(OrderCancel, IDS, CODES, IDS),
    st.builds(Quote, IDS, CODES, PRICES, PRICES, SIZES, SIZES, EFFECTS, EFFECTS),
    st.builds(
        Quote, IDS, CODES, PRICES, st.just(0), SIZES, st.just(0), EFFECTS, st.just(Effect.OPEN)
    ),
    st.builds(QuoteCancel, IDS, CODES, st.booleans(), st.just(True)),
)
CENTS = st.integers(0, 10**15).map(lambda cents: cents * 100)
QUOTE_ACKS = st.builds(
    lambda cancel, done, *rest: QuoteAck(
        cancel, (Exec.CANCELLED if cancel else Exec.ACCEPTED) if done else Exec.REJECTED, *rest
    ),
    *(st.booleans(), st.booleans(), IDS, CODES, NUMBERS, PRICES, PRICES, SIZES, SIZES),
    *(EFFECTS, EFFECTS, AT, REASONS, OLD_IDS, LEAVES, OLD_IDS, LEAVES),
)
REPORTS = st.one_of(
    QUOTE_ACKS,
    st.builds(
        OrderAck,
        *(st.sampled_from(Exec), IDS, OLD_IDS, CODES, NUMBERS, SIDES, EFFECTS, KINDS, PRICES),
        *(SIZES, AT, PRICES, LEAVES, REASONS, st.booleans()),
    ),
    st.builds(CancelReject, IDS, IDS, NUMBERS, AT, REASONS),
    st.builds(
        Trade,
        *(IDS, CODES, NUMBERS, NUMBERS, PRICES, LEAVES, LEAVES, SIDES, EFFECTS, st.booleans()),
        *(AT, AT, CENTS),
    ),
)


@pytest.mark.parametrize(("req_id", "request_", "text"), GOLDEN_REQUESTS)
def test_wire_golden_requests(req_id: str, request_: Request, text: str) -> None:
    """Requests are byte for byte the golden vectors of interfaces.md 1.9 (T-01)."""
    assert step.encode_request(request_, PROFILE) == soh(text)
    assert step.decode_request(req_id, soh(text), PROFILE) == request_


@pytest.mark.parametrize("text", [ACK_TEXT, TRADE_TEXT])
def test_wire_golden_reports(text: str) -> None:
    """Reports read from the golden vectors are written back as the same bytes (T-01)."""
    assert step.encode_report(step.decode_report(soh(text), DAY), PROFILE) == ("OQO", soh(text))


def test_wire_golden_values() -> None:
    """What the golden trade says arrives in our units: ticks, lots, money, instants (T-01)."""
    trade = step.decode_report(soh(TRADE_TEXT), DAY)
    assert isinstance(trade, Trade)
    assert (trade.price, trade.qty, trade.leaves, trade.amount) == (1230, 5, 15, 61_500_000)
    assert trade.at - midnight(DAY) == (9 * 3600 + 30 * 60 + 1) * 10**9 + 456 * MILLISECOND


@given(REQUESTS)
def test_wire_requests_round_trip(request_: Request) -> None:
    """Any request survives encoding and decoding (T-01)."""
    text = step.encode_request(request_, PROFILE)
    assert step.decode_request(step.business_of(request_), text, PROFILE) == request_


@given(REPORTS)
def test_wire_reports_round_trip(body: ReportBody) -> None:
    """Any report survives encoding and decoding (T-01)."""
    _, text = step.encode_report(body, PROFILE)
    assert step.decode_report(text, DAY) == body


@given(st.one_of(REQUESTS, REPORTS))
def test_wire_fast_reader_is_the_strict_one(message: Request | ReportBody) -> None:
    """The pattern of a message and the diagnosing reader give the same values."""
    if isinstance(message, NewOrder | OrderCancel | Quote | QuoteCancel):
        text = step.encode_request(message, PROFILE)
    else:
        text = step.encode_report(message, PROFILE)[1]
    assert fragment.read(text) == fragment.read_strict(text.decode())


def test_wire_inquiry_round_trip() -> None:
    """An inquiry reaches market makers with both sides open and its time limit (Q-06)."""
    at = midnight(DAY) + 36_000_000 * MILLISECOND
    inquiry = Inquiry("RQ0000000000000001", "10000001", 0, 0, at, at + 15_000 * MILLISECOND)
    assert step.decode_inquiry(step.encode_inquiry(inquiry), DAY) == inquiry


def test_wire_one_sided_quote_blanks_the_other() -> None:
    """A side of quantity 0 is carried as price 0 and a blank effect (interfaces.md 2.4)."""
    quote = Quote("MM00000002", "10000001", 1230, 9999, 20, 0, Effect.OPEN, Effect.CLOSE)
    text = step.encode_request(quote, PROFILE)
    assert b"\x01133=0.0000\x01134=20\x01135=0\x018909=O\x018910= \x01" in text


def _fix_length(text: str) -> bytes:
    body = text.split("|", 1)[1]
    return soh(f"9={len(body)}|{body}")


@pytest.mark.parametrize(
    ("business", "old", "new", "code", "tag"),
    [
        ("OQO", "132=0.1230", "132=0.12345", 20274, 132),
        ("OQO", "132=0.1230", "132=1234567.0", 20274, 132),
        ("OQO", "132=0.1230", "132=abc", 20274, 132),
        ("OQO", "133=0.1240", "133=-0.1", 20276, 133),
        ("OQO", "134=20", "134=2x", 20278, 134),
        ("OQO", "134=20", "134=12345678901", 20278, 134),
        ("OQO", "135=20", "135=-5", 19070, 135),
        ("OQO", "135=20|", "", 20280, 135),
        ("OQO", "134=20|135=20", "135=20|134=20", 20278, 134),
        ("OQO", "134=20|135=20", "134=0|135=0", 13564, 134),
        ("OQO", "8909=O", "8909=X", 17576, 8909),
        ("OQO", "8910=O", "8910= ", 17576, 8910),
        ("OQO", "1166=MM00000002", "1166=MM000000022", 20272, 1166),
        ("OQO", "1166=MM00000002", "1166=MM|00002", 20000, 0),
        ("OQO", "48=10000001", "48=", 20034, 48),
        ("OQO", "48=10000001", "48=10000001\t", 20034, 48),
        ("OQO", "522=105", "522=104", 10258, 522),
        ("OQO", "522=105", "522=7", 17582, 522),
        ("OQO", "448=888", "448=887", 17656, 448),
        ("OQO", "448=12345", "448=54321", 19058, 448),
        ("OQO", "448=A123456789", "448=B123456789", 10794, 448),
        ("OQO", "452=500", "452=501", 20084, 452),
        ("OQO", "453=4", "453=3", 20086, 453),
        ("OQO", "35=S", "35=XX", 20018, 35),
        ("OQO", "35=S", "36=S", 20018, 35),
        ("OTO", "35=D", "35=S", 20272, 1166),
        ("OTO", "44=0.1234", "44=.1", 20032, 44),
        ("OTO", "38=10", "38=", 20022, 38),
        ("OTO", "38=10", "38=-1", 19070, 38),
        ("OTO", "54=1", "54=3", 19036, 54),
        ("OTO", "54=1", "54=12", 20036, 54),
        ("OTO", "77=O", "77=X", 17576, 77),
        ("OTO", "40=2", "40=9", 13330, 40),
        ("OTO", "59=0", "59=7", 17038, 59),
        ("OTO", "59=0", "59=3", 13332, 59),
        ("OTO", "203= ", "203=2", 17598, 203),
        ("OTO", "11=MM00000001", "11=MM 0000é001", 20000, 0),
        ("OXX", "35=D", "35=D", 4012, 0),
        ("OTE", "35=D", "35=D", 20022, 38),
    ],
)
def test_wire_mistakes_have_the_exchange_code(
    business: str, old: str, new: str, code: int, tag: int
) -> None:
    """Each kind of mistake is refused with its code, tag and reason (interfaces.md 2.10)."""
    good = ORDER_TEXT if business in ("OTO", "OXX", "OTE") else QUOTE_TEXT
    text = good.replace(old, new, 1)
    data = _fix_length(text) if text.isascii() else text.replace("|", "\x01").encode()
    with pytest.raises(step.WireError) as caught:
        step.decode_request(business, data, PROFILE)
    assert (caught.value.code, caught.value.tag) == (code, tag)
    assert caught.value.reason
    if tag:
        assert f"tag {tag} {FIELDS[tag].name}" in str(caught.value)


def test_wire_wrong_length_is_named() -> None:
    """A BodyLen that does not count the body is refused with 20002 and both numbers."""
    with pytest.raises(step.WireError, match=r"20002.*says 168, the body has 169"):
        step.decode_request("OQO", soh(QUOTE_TEXT.replace("9=169", "9=168")), PROFILE)


def test_wire_every_tag_missing_or_swapped_is_caught() -> None:
    """All fields must be present and in order; whichever is missing is found (2.1)."""
    for text in (ACK_TEXT, TRADE_TEXT):
        parts = text.rstrip("|").split("|")
        for place in range(2, len(parts)):
            data = _fix_length("|".join(parts[:place] + parts[place + 1 :]) + "|")
            with pytest.raises(step.WireError) as caught:
                step.decode_report(data, DAY)
            assert 20000 <= caught.value.code <= 20286


def test_wire_unknown_tail_is_ignored_but_repetition_is_not() -> None:
    """Unknown tags at the end are skipped (1.2); a repeated field of the message is refused."""
    assert step.decode_request("OQO", _fix_length(QUOTE_TEXT + "131=RQ1|9999=x|"), PROFILE) == QUOTE
    with pytest.raises(step.WireError, match="repeated"):
        step.decode_request("OQO", _fix_length(QUOTE_TEXT + "132=0.5000|"), PROFILE)


def test_wire_fewer_decimals_are_accepted() -> None:
    """Decimals may be shortened by a peer (2.1); ours are always complete."""
    text = QUOTE_TEXT.replace("132=0.1230", "132=0.123").replace("133=0.1240", "133=1")
    quote = step.decode_request("OQO", _fix_length(text), PROFILE)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (1230, 10_000)


@pytest.mark.parametrize(
    "request_",
    [
        Quote("MM0000000\x01", "10000001", 1, 2, 1, 1, Effect.OPEN, Effect.OPEN),
        Quote("MM00000002", "1000000", 1, 2, 1, 1, Effect.OPEN, Effect.OPEN),
        Quote("MM00000002", "10000001", -1, 2, 1, 1, Effect.OPEN, Effect.OPEN),
        Quote("MM00000002", "10000001", 1, 10**10, 1, 1, Effect.OPEN, Effect.OPEN),
        Quote("MM00000002", "10000001", 1, 2, 0, 0, Effect.OPEN, Effect.OPEN),
        QuoteCancel("MM00000002", "10000001", False, False),
        OrderCancel("MM00000002", "10000001", "x|y"),
        NewOrder("MM00000002", "10000001", Side.BUY, Effect.OPEN, OrderKind.LIMIT, 1, 10**10),
    ],
)
def test_wire_encoder_refuses_what_cannot_be_carried(request_: Request) -> None:
    """Nothing leaves that the other side would misread."""
    with pytest.raises(step.WireError):
        step.encode_request(request_, PROFILE)


def test_wire_order_cancel_has_no_side() -> None:
    """35=F carries id, target, contract and owner only (interfaces.md 2.4)."""
    kind, values = fragment.read(step.encode_request(ORDER_CANCEL, PROFILE))
    assert kind == "F"
    assert values[:4] == ("MM00000004", "MM00000001", "10000001", "105")


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "short"},
        {"pbu": "1234é"},
        {"branch": "1"},
        {"owner_type": 2},
    ],
)
def test_wire_profile_is_checked(wrong: dict[str, str]) -> None:
    """A member's constant fields are checked once, where they are given."""
    given_ = {"account": "A123456789", "pbu": "12345", **wrong}
    with pytest.raises(ValueError, match="is not"):
        Profile(**given_)  # type: ignore[arg-type]


def test_wire_dictionary_covers_the_messages() -> None:
    """Every field of every message has a width, and its own error code where one exists."""
    for message in MESSAGES.values():
        for item in message.items:
            assert item.field.width > 0
            assert item.field.code == 20000 or 20002 <= item.field.code <= 20286


def test_wire_mutated_fragments_never_crash() -> None:
    """10,000 mutated fragments are read or refused with a code; nothing else happens."""
    rng = random.Random(7)
    seeds = [soh(text) for text in (QUOTE_TEXT, ORDER_TEXT, ACK_TEXT, TRADE_TEXT, CANCEL_TEXT)]
    refused = 0
    for _ in range(10_000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(data))
            match rng.randrange(3):
                case 0:
                    data[place] = rng.randrange(256)
                case 1:
                    del data[place]
                case _:
                    data.insert(place, rng.randrange(256))
        try:
            if b"35=A" in data or b"35=U" in data:
                step.decode_report(bytes(data), DAY)
            else:
                step.decode_request("OQO", bytes(data), PROFILE)
        except step.WireError as error:
            refused += 1
            assert error.code >= 4012
    assert refused > 9_000
