"""What is shipped: the page is what its sources build to, its words are whole, all is ours."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from quanheng.authority.policy import Act, Status
from quanheng.compose.console_board import COLUMNS
from quanheng.desk.access import VIEWS
from quanheng.desk.assets import read_assets, read_words
from quanheng.desk.office import ACTS
from quanheng.desk.people.rules import read_rules
from quanheng.maker import ledger_state
from quanheng.maker.curve_life import Rung
from quanheng.maker.inquiry_life import Stage
from quanheng.maker.parameters import TABLE
from quanheng.terms.codes import Link, TradingState

ROOT = Path(__file__).parents[2]
WEB = ROOT / "console" / "web"
STATIC = ROOT / "src" / "quanheng" / "desk" / "static"
SOURCES = sorted((WEB / "src").glob("*.ts"))
TEXT = "\n".join(path.read_text("utf-8") for path in SOURCES)


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_page_is_built_from_these_sources():
    """After a change of the sources `npm run build` has to run, and what it makes be committed."""
    manifest = json.loads((STATIC / "manifest.json").read_text("utf-8"))
    files = [WEB / name for name in ("build.mjs", "package-lock.json", "package.json")]
    files += [WEB / "tsconfig.json", *sorted((WEB / "src").iterdir())]
    now = {path.relative_to(WEB).as_posix(): sha(path) for path in files}
    assert manifest["sources"] == now, "run `npm ci && npm run build` in console/web"
    built = {path.name: sha(path) for path in STATIC.iterdir() if path.name != "manifest.json"}
    assert manifest["built"] == built


def test_nothing_of_the_page_comes_from_elsewhere():
    """No address in what is served, no host of a registry in the lock, no module beside ours."""
    for path in STATIC.iterdir():
        text = path.read_text("utf-8")
        found = re.findall(r"https?://[^\s\"'`)]+", text)
        assert [one for one in found if one != "http://www.w3.org/2000/svg"] == [], path.name
        assert "eval(" not in text
        assert "innerHTML" not in text
    lock = (WEB / "package-lock.json").read_text("utf-8")
    assert "http" not in re.sub(r'"(url|funding)": .*', "", lock)
    assert not [line for line in TEXT.splitlines() if re.match(r'import .* from "[^.]', line)]


def test_the_first_load_is_small():
    """console.md 8: at most 400 KB compressed; it is a tenth of that."""
    total = sum(len(asset.packed) for asset in read_assets().values())
    assert total < 100_000


def test_every_word_is_there_in_both_languages():
    """Keys written out in the sources, and those made of a code, for every code there is."""
    words = read_words()
    for key, pair in words.items():
        assert len(pair) == 2, key
        assert all(isinstance(one, str) for one in pair), key
        assert pair[0], key
        assert sorted(re.findall(r"\{\d\}", pair[0])) == sorted(re.findall(r"\{\d\}", pair[1])), key
    wanted = set(re.findall(r'\bt\("([a-z_.A-Z0-9]+)"', TEXT))
    made = {
        "act": [*map(str, Act), *ACTS],
        "cause": [*ledger_state.NAMES, "total"],
        "post": [one.post for one in read_rules().posts],
        "proposal": [str(one) for one in Status],
        "rung": [one.name.lower() for one in Rung],
        "stage": [f"s{one.value}" for one in Stage],
        "state": [f"s{one.value}" for one in TradingState],
        "line": [f"s{one.value}" for one in Link],
        "side": ["s0", "s1", "s2"],
        "level": ["l0", "l1", "l2", "l3"],
        "lamp": [f"l{number}" for number in range(8)],
        "setting": [one.name for one in TABLE],
        "page": [*VIEWS],
        "status": ["sent", "live", "part", "filled", "cancelled", "replaced", "rejected"],
        "login": ["login_wrong", "login_wait", "login_expired", "failed"],
        "field": re.findall(r'\bcol\("(\w+)"', TEXT),
        "tab": ["working", "orders", "trades", "positions", "rfq", "alerts"],
    }
    shown = [
        name for name, _ in COLUMNS if name not in ("state", "phase", "long", "short", "asked")
    ]
    made["column"] = made["column_long"] = shown
    wanted |= {f"{section}.{name}" for section, names in made.items() for name in names}
    missing = sorted(wanted - set(words))
    assert missing == []
    heads = re.findall(r"t\(`(\w+)\.\$", TEXT)
    assert set(heads) <= {key.split(".")[0] for key in words}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_code_speaks_no_language_of_its_own(path: Path):
    """Chinese stands in words.toml; the board's 年 and 月 of a month are the one exception."""
    text = re.sub(r"//.*|/\*.*?\*/", "", path.read_text("utf-8"))
    found = re.findall(r"[\u4e00-\u9fff]+", text)
    assert [one for one in found if one not in ("年", "月")] == []


def test_the_sources_are_short():
    """A file is read at once, in this language too."""
    assert [path.name for path in SOURCES if len(path.read_text("utf-8").splitlines()) > 400] == []
