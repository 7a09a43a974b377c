"""The table of error codes: complete, used, its precedence is what the house does."""

import ast
import itertools
import re
from pathlib import Path

import pytest
from wire_samples import DAY, ORDER_TEXT, PROFILE, QUOTE, QUOTE_TEXT, soh

from quanheng.wire import codes, frames, step, tdgw
from quanheng.wire.codes import CODES
from quanheng.wire.events import RejectArrived, RequestArrived
from quanheng.wire.fields import FIELDS
from quanheng.wire.session import STATUS_TEXT

HOUSE = Path(__file__).parents[2] / "src" / "quanheng"
ROOMS = ("wire", "exchange", "maker", "edge")


TAGS = ("md301_scan.py", "auction.py", "auction_session.py")
"""Files whose numbers of that size are tags."""


def numbers_in_the_house() -> dict[int, list[str]]:
    """Every plain integer of four or five digits in the range of the codes: value -> places."""
    found: dict[int, list[str]] = {}
    for room in ROOMS:
        for path in sorted((HOUSE / room).rglob("*.py")):
            text = path.read_text("utf-8")
            lines = text.splitlines()
            for node in ast.walk(ast.parse(text)):
                if not isinstance(node, ast.Constant) or type(node.value) is not int:
                    continue
                source = lines[node.lineno - 1][node.col_offset : node.end_col_offset]
                value = node.value
                if (
                    "_" in source
                    or "x" in source
                    or not (4_000 <= value <= 5_100 or 10_000 < value <= 20_300)
                ):
                    continue
                if value not in (4096, 10200, 10222) and path.name not in TAGS:
                    found.setdefault(value, []).append(f"{room}/{path.name}:{node.lineno}")
    return found


def names_in_the_house() -> set[int]:
    """Codes that some file asks for by name."""
    pattern = re.compile(r'code_of\("(\w+)"\)|(?:codes\.|(?<![\w.]))number\("(\w+)"\)')
    text = "\n".join(path.read_text("utf-8") for path in sorted(HOUSE.rglob("*.py")))
    return {codes.number(one or two) for one, two in pattern.findall(text)}


def test_wire_codes_are_all_there() -> None:
    """The host has 128 codes, tags 83, the session 17, and 24 are withdrawn (2.10)."""
    groups = [one.group for one in CODES.values()]
    counts = {name: groups.count(name) for name in ("session", "host", "tags", "withdrawn")}
    assert counts == {"session": 17, "host": 128, "tags": 83, "withdrawn": 24}
    names = [one.name for one in CODES.values() if one.group != "withdrawn"]
    assert len(set(names)) == len(names)
    assert all(one.text for one in CODES.values() if one.group == "host")
    assert codes.describe(11270) == "11270 DUPLICATE 订单重传"
    assert codes.describe(4711) == "4711"
    assert STATUS_TEXT[5003] == "Already Login, try again"


def test_wire_codes_used_are_in_the_table() -> None:
    """Every code in the house is in the table, and the table says what raises it."""
    used = numbers_in_the_house()
    unknown = {code: places for code, places in used.items() if code not in CODES}
    assert not unknown
    silent = {code: used[code] for code in used if not CODES[code].check}
    assert not silent


def test_wire_codes_with_a_check_are_raised() -> None:
    """A code that the table says is raised stands somewhere in the house."""
    raised = set(numbers_in_the_house()) | names_in_the_house() | {0, 1, 257}
    claimed = {one.code for one in CODES.values() if one.check and one.group != "tags"}
    assert claimed - raised == set()


def test_wire_codes_of_fields_name_their_tag() -> None:
    """The code of a field of the dictionary is the table's code of that tag (2.10)."""
    for field in FIELDS.values():
        if field.code != 20000:
            assert CODES[field.code].tag == field.tag
        if field.choice_code:
            assert field.choice_code in CODES


def broken(text: str, faults: tuple[tuple[str, str], ...]) -> bytes:
    """A fragment with some faults and a right length."""
    for old, new in faults:
        assert old in text
        text = text.replace(old, new, 1)
    body = text.split("|", 1)[1]
    return soh(f"9={len(body)}|{body}")


TAG_FAULTS = (
    (20272, "1166=MM00000002", "1166=MM000000022"),
    (20034, "48=10000001", "48=100000011"),
    (17582, "522=105", "522=7"),
    (20274, "132=0.1230", "132=x"),
    (20276, "133=0.1240", "133=x"),
    (19070, "134=20", "134=-1"),
    (20280, "135=20", "135=x"),
    (17576, "8909=O", "8909=X"),
    (17656, "448=888", "448=887"),
    (20084, "452=4001", "452=4002"),
)


def test_wire_codes_of_tags_come_in_wire_order() -> None:
    """Of two faults in a fragment the earlier tag's is answered (stated precedence)."""
    for pair in itertools.combinations(TAG_FAULTS, 2):
        data = broken(QUOTE_TEXT, tuple((old, new) for _, old, new in pair))
        with pytest.raises(step.WireError) as caught:
            step.decode_request("OQO", data, PROFILE)
        assert caught.value.code == pair[0][0], pair


def test_wire_codes_precedence_of_envelope_and_fragment() -> None:
    """Platform, ReqID or SecurityID, trading unit, fragment, member, envelope against fragment."""
    pbu, account, owner = ("448=12345", "448=1234X"), ("448=A1", "448=B1"), ("522=105", "522=104")
    good, bad = broken(QUOTE_TEXT, ()), broken(QUOTE_TEXT, (("132=0.1230", "132=x"), pbu))
    cases = (
        (0, "x", "54321", bad, 5009),
        (2, "x", "54321", bad, 4012),
        (2, "10000002", "54321", bad, 19058),
        (2, "10000002", "12345", bad, 20274),
        (2, "10000002", "12345", broken(QUOTE_TEXT, (pbu, account, owner)), 19058),
        (2, "10000002", "12345", broken(QUOTE_TEXT, (account, owner)), 10794),
        (2, "10000002", "12345", broken(QUOTE_TEXT, (owner,)), 10258),
        (2, "10000002", "12345", good, 19056),
    )
    for state, security, unit, text, code in cases:
        server = tdgw.ServerSession((PROFILE,), ("300",), DAY, 0)
        server.send_platform_state(state, 0)
        server.receive(frames.logon(1, frames.Logon("OMS01", "TDGW", 30, "1.00", DAY)), 0)
        frame = frames.order_request(2, "OQO", security, unit, "MM00000002", text)
        (event,) = server.receive(frame, 0)
        assert isinstance(event, RequestArrived)
        assert event.error is not None
        assert event.error.code == code
    order = (*codes.precedence("envelope"), *codes.precedence("fragment"))
    expected = [5009, 4012, 19058, 10794, 10258, 19056]
    places = [order.index(code) for code in expected]
    assert places == sorted(places)


def test_wire_codes_explain_themselves() -> None:
    """An error of the host shows the exchange's own text beside its number."""
    data = broken(ORDER_TEXT, (("54=1", "54=3"),))
    with pytest.raises(step.WireError, match="19036 INVALID_SIDE 无效订单买卖方向: tag 54 Side"):
        step.decode_request("OTO", data, PROFILE)


@pytest.mark.parametrize("responses", [(4012,), (4012, 5009)])
def test_wire_codes_of_a_closed_platform_by_either_message(responses: tuple[int, ...]) -> None:
    """The specification says 21 and 22 of 5009: the gateway's is a switch, a member takes both."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), ("300",), DAY, 0, responses=responses)
    server.receive(client.send_logon(0), 0)
    client.receive(server.output(), 0)
    server.receive(client.send_request(QUOTE, 0), 0)
    data = server.output()
    kind = frames.GENERAL_RESPONSE if 5009 in responses else frames.ORDER_REJECT
    assert int.from_bytes(data[:4], "big") == kind
    (event,) = client.receive(data, 0)
    assert isinstance(event, RejectArrived)
    assert event.rejected.reason == 5009
