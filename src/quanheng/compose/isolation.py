"""The isolation register of a configuration, and received files held against it (T-04, O-06)."""

from quanheng.compose.reception_files import Problem, Received
from quanheng.config import Config
from quanheng.edge.isolation import Register

FIELDS = {
    "op_hycc": ("ZQZH", ""),
    "op_jsmx": ("ZQZH", ""),
    "op_ccbd": ("ZQZH", ""),
    "op_bzjmx": ("ZQZH", ""),
    "op_zhccmx": ("ZQZH", ""),
    "op_tzxx": ("ZQZH", ""),
    "op_zqjs": ("ZQZH", "JYDY"),
}
"""Kind of a clearing file -> the fields that name a securities account and a trading unit."""


def register_of(config: Config) -> Register:
    """The register of a node; what the configuration leaves out is the member's own."""
    own = config.isolation
    reported = tuple(item.account for item in config.accounts)
    accounts = own.accounts or tuple(dict.fromkeys((config.member.account, *reported)))
    return Register(accounts, own.units or (config.member.pbu,), own.peers)


def foreign_rows(received: Received, kind: str, register: Register) -> list[Problem]:
    """Records of a received file that name an account or trading unit of another business: they
    are quarantined, the file is refused.
    """
    if kind == "ogh":
        rows = [*received.trades(), *received.holdings(), *received.combinations()]
        account, unit = "Account", ""
    elif kind in FIELDS:
        rows = received.rows(kind)
        account, unit = FIELDS[kind]
    else:
        return []
    found: dict[str, int] = {}
    for row in rows:
        why = register.foreign(str(row[account]), str(row[unit]) if unit else "")
        if why:
            found[why] = found.get(why, 0) + 1
    return [
        received.problem(kind, account, f"{why}：{count} 条记录 records", "")
        for why, count in found.items()
    ]
