"""Protocol scripts against our member session and our venue behind its order server (T-01)."""

from pathlib import Path

import pytest
from script_play import SCRIPTS, play, script

from quanheng.edge.lab.script import ScriptError

FILES = sorted(SCRIPTS.glob("*.script"))


def test_exchange_scripts_are_many_and_titled() -> None:
    """At least 80, each with a title of its own."""
    titles = [script(path).title for path in FILES]
    assert len(FILES) >= 80
    assert all(titles)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_exchange_script(path: Path, tmp_path: Path) -> None:
    """The script's title says what."""
    play(script(path), tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# t\n> Logon\n< Logon interval=31\n", "t.script:3: < Logon interval=31"),
        ("# t\n> Logon\n< Logout\n", "heard {'name': 'Logon'"),
        ("# t\n> Logon\n", "unexpected at the end"),
        ("# t\n< Logon\n", "nothing was heard"),
        ("# t\n> Logon\n< closed\n", "the connection is open"),
        ("# t\n? Logon\n", "unknown line"),
        ("# t\nside member\n@ logon\n! LoggedOn\n", "no event happened"),
    ],
)
def test_exchange_script_failure_names_the_line(text: str, words: str, tmp_path: Path) -> None:
    """A script that does not hold says which line, and what was there instead."""
    path = tmp_path / "t.script"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScriptError) as caught:
        play(script(path), tmp_path)
    assert words in str(caught.value)
