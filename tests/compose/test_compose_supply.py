"""Supply chain (promise 42): the lock's hashes, installation without a network, changed files.

Two small wheels are built here and lie in a folder, which is all the index there is.
"""

import base64
import ensurepip
import hashlib
import os
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from importlib.util import find_spec
from pathlib import Path

import pytest

from quanheng.compose import installed, self_test
from quanheng.compose.installed import Altered
from quanheng.compose.self_test import Noted, Subject, Wrong

PACKAGES = ("qh_one", "qh_two")


def wheel(folder: Path, name: str) -> Path:
    """A wheel of one module."""
    files = {
        f"{name}/__init__.py": f"NAME = {name!r}\n",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{name}-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(
        f"{path},sha256={secret(text.encode())},{len(text)}\n" for path, text in files.items()
    )
    place = f"{name}-1.0.dist-info/RECORD"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, place: f"{record}{place},,\n"}.items():
            archive.writestr(file, text)
    return path


def secret(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class Supply:
    """A folder of wheels, the lock over them, and pip without a network."""

    def __init__(self, folder: Path) -> None:
        self.wheels, self.lock, self.target = (
            folder / "wheels", folder / "requirements.lock", folder / "site-packages",
        )  # fmt: skip
        self.wheels.mkdir()
        made = {name: wheel(self.wheels, name) for name in PACKAGES}
        self.lock.write_text("".join(
            f"{name.replace('_', '-')}==1.0 \\\n"
            f"    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
            for name, path in made.items()
        ), encoding="utf-8")  # fmt: skip

    def install(self) -> subprocess.CompletedProcess[str]:
        """The line of the Makefile, with a folder for an index."""
        command = [
            *pip(), "install", "-q", "--disable-pip-version-check",
            "--require-hashes", "--no-deps", "--no-compile", "--no-index",
            "--find-links", str(self.wheels), "-r", str(self.lock), "--target", str(self.target),
        ]  # fmt: skip
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
        )


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    return Supply(tmp_path)


def pip() -> list[str]:
    """The command of pip: the environment's, or Python's own where uv made the environment."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    (bundled,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    return [sys.executable, str(bundled / "pip")]


def distributions_of(folder: Path) -> list[PathDistribution]:
    return [PathDistribution(path) for path in sorted(folder.glob("*.dist-info"))]


def test_a_tampered_wheel_is_refused(supply: Supply) -> None:
    """One byte of one wheel in the folder is another than when it was locked: nothing is installed,
    and the package is named. As locked, both install without any network.
    """
    path = supply.wheels / "qh_two-1.0-py3-none-any.whl"
    good = path.read_bytes()
    data = bytearray(good)
    at = data.index(b"NAME = ")
    data[at] ^= 1
    path.write_bytes(bytes(data))
    refused = supply.install()
    assert refused.returncode != 0
    assert "DO NOT MATCH" in refused.stderr and "qh-two" in refused.stderr
    assert not [*supply.target.rglob("*.py")]
    path.write_bytes(good)
    done = supply.install()
    assert done.returncode == 0, done.stderr
    assert {one.parent.name for one in supply.target.glob("*/__init__.py")} == {*PACKAGES}


def test_a_package_that_is_in_no_lock_is_refused(supply: Supply) -> None:
    """A requirement without a hash beside those that have one ends the installation."""
    wheel(supply.wheels, "qh_three")
    with supply.lock.open("a", encoding="utf-8") as stream:
        stream.write("qh-three==1.0\n")
    refused = supply.install()
    assert refused.returncode != 0 and "qh-three" in refused.stderr
    assert not [*supply.target.rglob("*.py")]


def test_a_changed_installed_file_is_named(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files changed, removed or put beside after the installation; self-test and bill say so."""
    assert supply.install().returncode == 0
    monkeypatch.setattr(installed, "distributions", lambda: distributions_of(supply.target))
    monkeypatch.setattr(self_test, "PACKAGES", PACKAGES)
    subject = Subject(None, supply.target)  # type: ignore[arg-type]
    assert installed.altered() == installed.strangers() == []
    assert "2 个依赖包" in self_test._packages(subject)
    with (supply.target / "qh_one" / "__init__.py").open("a", encoding="utf-8") as stream:
        stream.write("import evil\n")
    changed = Altered("qh_one", "qh_one/__init__.py", "已改动 changed")
    assert installed.altered() == installed.altered(["qh_one"]) == [changed]
    assert installed.altered(["QH_two"]) == []
    (supply.target / "qh_two" / "__init__.py").unlink()
    (supply.target / "start.pth").write_text("import evil\n", encoding="utf-8")
    missing = Altered("qh_two", "qh_two/__init__.py", "缺失 missing")
    assert installed.altered() == [changed, missing]
    assert [one.file for one in installed.strangers()] == ["start.pth"]
    with pytest.raises(Wrong, match=r"2 个文件 files: qh_one qh_one/__init__.py 已改动"):
        self_test._packages(subject)


def test_a_package_without_a_record_is_noted(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another tool installed without a RECORD cannot be compared, and that is said."""
    assert supply.install().returncode == 0
    monkeypatch.setattr(installed, "distributions", lambda: distributions_of(supply.target))
    monkeypatch.setattr(self_test, "PACKAGES", PACKAGES)
    (supply.target / "qh_one-1.0.dist-info" / "RECORD").unlink()
    assert [one.file for one in installed.altered()] == [installed.NO_RECORD]
    with pytest.raises(Noted, match="qh_one RECORD"):
        self_test._packages(Subject(None, supply.target))  # type: ignore[arg-type]


def test_the_record_of_this_environment_is_whole() -> None:
    """What this process itself runs is as it was installed."""
    assert installed.altered(["msgspec", "numpy"]) == []
