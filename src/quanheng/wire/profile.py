"""Who a member is on the wire: the constant fields of its messages, made ready once."""

from quanheng.wire.fields import SOH, SUB_ACCOUNT

LIQUIDITY_PROVIDER = 105


def _piece(text: str) -> str:
    return text.replace("|", SOH)


class Profile:
    """The member behind a set of messages: account, trading unit (PBU), branch, owner type.

    `templates` are printf templates of the hot messages' bodies, so that one `%` writes a
    message. ValueError names the field that does not fit (interfaces.md 2.3).
    """

    __slots__ = ("account", "branch", "owner_type", "party2", "party4", "pbu", "templates")

    def __init__(
        self, account: str, pbu: str, branch: str = "00001", owner_type: int = LIQUIDITY_PROVIDER
    ) -> None:
        for name, value, width in (("account", account, 10), ("pbu", pbu, 5)):
            if not (value.isascii() and value.isalnum() and len(value) == width):
                raise ValueError(f"{name} {value!r} is not {width} letters or digits")
        if not (branch.isascii() and branch.isdigit() and len(branch) == 5):
            raise ValueError(f"branch {branch!r} is not 5 digits")
        if owner_type not in (1, 101, 102, 103, 104, 105):
            raise ValueError(f"owner type {owner_type} is not in the exchange's list")
        self.account = account
        self.pbu = pbu
        self.branch = branch
        self.owner_type = owner_type
        self.party4 = _piece(
            f"453=4|448={account}|452=5|448={SUB_ACCOUNT}|452=500|448={pbu}|452=1|"
            f"448={branch}|452=4001|"
        )
        self.party2 = _piece(f"453=2|448={account}|452=5|448={pbu}|452=1|")
        price = "%d.%04d"
        sides = f"132={price}|133={price}|134=%d|135=%d|8909=%s|8910=%s|"
        owner = f"522={owner_type}|"
        self.templates: dict[str, str] = {
            kind: _piece(head) + (self.party2 if kind in ("8", "9", "AJ", "AI") else self.party4)
            for kind, head in {
                "D": f"35=D|11=%s|48=%s|{owner}44={price}|38=%d|54=%d|77=%s|40=%s|59=%s|203=%s|",
                "F": f"35=F|11=%s|41=%s|48=%s|{owner}",
                "S": f"35=S|1166=%s|48=%s|{owner}{sides}",
                "Z": f"35=Z|1166=%s|48=%s|{owner}132=0.0000|133=0.0000|134=%d|135=%d|"
                "8909= |8910= |",
                "8": f"35=8|37=%s|150=%d|39=%d|48=%s|11=%s|41=%s|{owner}44={price}|38=%d|54=%d|"
                f"77=%s|40=%s|59=%s|8541=%s|845={price}|151=%d|103=%s|203=%s|",
                "9": "35=9|37=%s|39=8|11=%s|41=%s|8541=%s|102=%s|434=1|",
                "U11": f"35=U11|11=%s|37=%s|17=%s|48=%s|31={price}|32=%d|151=%d|54=%d|77=%s|"
                f"203=%s|8541=%s|42=%s|150=F|{owner}39=%d|8504=%d.%02d|",
                **{
                    kind: f"35={kind}|37=%s|150=%d|39=%d|1166=%s|48=%s|{owner}{sides}300=%s|"
                    "8541=%s|73=2|41=%s|151=%d|54=1|41=%s|151=%d|54=2|"
                    for kind in ("AJ", "AI")
                },
            }.items()
        }
