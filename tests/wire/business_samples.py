"""Requests and reports of the businesses that do not trade, with their texts by 2.4 and 2.5."""

from wire_samples import DAY, P2, P4, soh

from quanheng.terms import business as b
from quanheng.terms.codes import Exec
from quanheng.terms.days import midnight
from quanheng.terms.orders import AnyReport, AnyRequest
from quanheng.terms.units import MILLISECOND

MARGIN_ACCOUNT = "0123456789012345678901234"
PARTIES = f"453=2|448={MARGIN_ACCOUNT}|452=100|448=12345|452=1|"
LEGS = (
    b.CombinationLeg("10000001", False, False, 1),
    b.CombinationLeg("10000002", True, False, 1),
)
LEGS_TEXT = "555=2|602=10000001|624=L|203= |685=1|602=10000002|624=S|203= |685=1|"
PAIR = (b.ExerciseLeg("10000003", 5), b.ExerciseLeg("10000004", 5))
PAIR_TEXT = "555=2|602=10000003|685=5|602=10000004|685=5|"
AT_TEXT = "09:30:00.123"
AT_ = midnight(DAY) + 34_200_123 * MILLISECOND
NUMBER = 2026010500000001
NAME = "2026010500000001"
ACCEPTED = (Exec.ACCEPTED, "MM00000001")


def text_of(body: str) -> bytes:
    """A fragment by the rule of interfaces.md 2.1, apart from our writer."""
    return soh(f"9={len(body)}|{body}")


GOLDEN_REQUESTS: list[tuple[str, str, AnyRequest, str]] = [
    (
        "OTU",
        "510050",
        b.LockRequest("MM00000001", "510050", 10_000, False),
        f"35=D|11=MM00000001|308=510050|38=10000|54=Z|{P4}",
    ),
    (
        "OTU",
        "510050",
        b.LockRequest("MM00000001", "510050", 10_000, True),
        f"35=D|11=MM00000001|308=510050|38=10000|54=Y|{P4}",
    ),
    (
        "OTE",
        "10000001",
        b.ExerciseRequest("MM00000001", "10000001", 7),
        f"35=D|11=MM00000001|48=10000001|522=105|38=7|{P4}",
    ),
    (
        "OCE",
        "",
        b.MergedExercise("MM00000001", PAIR, 5),
        f"35=D|11=MM00000001|{PAIR_TEXT}522=105|38=5|{P4}",
    ),
    (
        "OTT",
        "510050",
        b.DisposalTransfer("MM00000001", "510050", 100, "R"),
        f"35=D|11=MM00000001|308=510050|522=105|38=100|747=R|{P4}",
    ),
    (
        "OML",
        "CNSJC",
        b.CombinationRequest("MM00000001", "CNSJC", False, 3, "", LEGS),
        f"35=D|11=MM00000001|522=105|48=CNSJC|54=B|38=3|198= |{LEGS_TEXT}{P4}",
    ),
    (
        "OML",
        "KS",
        b.CombinationRequest("MM00000001", "KS", True, 3, NAME, LEGS),
        f"35=D|11=MM00000001|522=105|48=KS|54=C|38=3|198={NAME}|{LEGS_TEXT}{P4}",
    ),
    (
        "OMR",
        "00000000",
        b.MarginInquiry("MM00000001", MARGIN_ACCOUNT),
        f"35=CH|1635=MM00000001|{PARTIES}",
    ),
    (
        "OTE",
        "10000001",
        b.BusinessCancel("MM00000002", "OTE", "10000001", "MM00000001"),
        f"35=F|11=MM00000002|41=MM00000001|48=10000001|522=105|{P4}",
    ),
    (
        "OCE",
        "",
        b.BusinessCancel("MM00000002", "OCE", "", "MM00000001"),
        f"35=F|11=MM00000002|41=MM00000001|48= |522=105|{P4}",
    ),
    (
        "OTT",
        "510050",
        b.BusinessCancel("MM00000002", "OTT", "510050", "MM00000001"),
        f"35=F|11=MM00000002|41=MM00000001|48=510050|522=105|{P4}",
    ),
]
GOLDEN_REQUESTS += [
    (
        "ORQ",
        "10000001",
        b.InquiryRequest("MM00000001", "10000001", 0, 0, False),
        f"35=R|131=MM00000001|48=10000001|522=105|54= |38=0|10200=0|{P4}",
    ),
    (
        "ORQ",
        "10000001",
        b.InquiryRequest("MM00000001", "10000001", 2, 20, True),
        f"35=R|131=MM00000001|48=10000001|522=105|54=2|38=20|10200=1|{P4}",
    ),
]
GOLDEN_REPORTS: list[tuple[str, AnyReport, str]] = [
    (
        "OTU",
        b.LockAck(*ACCEPTED, 5, "510050", 100, True, AT_, 0),
        f"35=U14|37=5|150=0|39=0|11=MM00000001|308=510050|38=100|54=Y|8541={AT_TEXT}|103= |{P2}",
    ),
    (
        "OTE",
        b.ExerciseAck(Exec.CANCELLED, "MM00000002", "MM00000001", 5, "10000001", 7, AT_, 0),
        f"35=U15|37=5|150=6|39=6|11=MM00000002|41=MM00000001|48=10000001|38=7|8541={AT_TEXT}|"
        f"103= |{P2}",
    ),
    (
        "OCE",
        b.MergedExerciseAck(*ACCEPTED, "", 5, PAIR, 5, AT_, 0),
        f"35=U16|37=5|150=0|39=0|11=MM00000001|41= |{PAIR_TEXT}38=5|8541={AT_TEXT}|103= |{P2}",
    ),
    (
        "OTT",
        b.DisposalAck(Exec.REJECTED, "MM00000001", "", 0, "510050", 9, "Z", AT_, 19166),
        f"35=U17|37= |150=8|39=8|11=MM00000001|41= |308=510050|38=9|747=Z|8541={AT_TEXT}|"
        f"103=19166|{P2}",
    ),
    (
        "OML",
        b.CombinationAck(*ACCEPTED, 5, "CNSJC", False, 3, "", LEGS, AT_, 0),
        f"35=U13|37=5|150=0|39=0|522=105|48=CNSJC|11=MM00000001|54=B|38=3|198= |{LEGS_TEXT}"
        f"8541={AT_TEXT}|103= |{P2}",
    ),
    (
        "OML",
        b.CombinationDone("MM00000001", "KS", 9 * 10**14 + 1, "F", 3, NAME, LEGS, AT_, AT_),
        f"35=U12|11=MM00000001|48=KS|17=900000000000001|54=F|32=3|198={NAME}|{LEGS_TEXT}"
        f"8541={AT_TEXT}|42={AT_TEXT}|522=105|{P4}",
    ),
    (
        "OTE",
        b.BusinessCancelReject("OTE", "MM00000002", "MM00000001", 5, AT_, 19082),
        f"35=9|37=5|39=8|11=MM00000002|41=MM00000001|8541={AT_TEXT}|102=19082|434=1|{P2}",
    ),
]
GOLDEN_REPORTS += [
    (
        "ORQ",
        b.InquiryAck("MM00000001", "10000001", 2, 20, False, 5, 7, AT_, 0),
        "35=R|131=MM00000001|48=10000001|522=105|54=2|38=20|10200=0|37=5|303=101|10222=7|658= |"
        f"8541={AT_TEXT}|{P2}",
    ),
]
ANSWER = b.MarginAnswer("MM00000001", MARGIN_ACCOUNT, 12_345_600, 5_000_000, AT_, 0)
ANSWER_TEXT = (
    f"35=CJ|1635=MM00000001|102= |8541={AT_TEXT}|1643=2|1645=1234.56|1644=22|1645=500.00|"
    f"1644=101|{PARTIES}"
)
