"""A small wheel with a strategy and a curve model, built and installed for the tests."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

HOUSE = Path(__file__).parents[2]
DATA = HOUSE / "src" / "quanheng" / "data"

NEEDED = ("black76", "wing", "lean")

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "quiet-desk"
version = "1.2.0"
requires-python = ">=3.11"
[project.entry-points."quanheng.strategies"]
quiet = "quiet_desk.strategy:quiet"
[project.entry-points."quanheng.curves"]
soft = "quiet_desk.curve:soft"
[tool.hatch.build.targets.wheel]
packages = ["quiet_desk"]
"""
STRATEGY = '''"""Theory, one share of the allowed spread wider than the house's fixed width."""

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.jit import kernel

from .shares import EXTRA


@kernel
def quiet(x, out):
    half = 0.5 * min(x[s.WIDTH] + EXTRA, 1.0) * x[s.CAP]
    out[s.BID] = x[s.VALUE] - half
    out[s.ASK] = x[s.VALUE] + half
    out[s.BID_QTY] = x[s.LEAST]
    out[s.ASK_QTY] = x[s.LEAST]
    out[s.SPREAD] = 1.0
'''
CURVE = '''"""The house's wing, asked through a plug-in."""

import numpy as np

from quanheng.kernels.desk.curves.wing import fit_wing
from quanheng.kernels.jit import kernel


@kernel
def soft(k, vol, weight, tau, forward, warm, out):
    return fit_wing(k, vol, weight, k.size, tau, forward, np.nan, np.nan, warm, out)
'''


def build(folder: Path, extra: str = "0.2") -> Path:
    """The installed wheel: a folder for the path of Python."""
    project, site = folder / "project", folder / "site"
    package = project / "quiet_desk"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (package / "__init__.py").write_text('"""A desk of its own."""\n', encoding="utf-8")
    (package / "shares.py").write_text(f"EXTRA = {extra}\n", encoding="utf-8")
    (package / "strategy.py").write_text(STRATEGY, encoding="utf-8")
    (package / "curve.py").write_text(CURVE, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=project,
        check=True,
        capture_output=True,
    )
    [wheel] = folder.glob("quiet_desk-1.2.0-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    return site


def run(site: Path | None, *arguments: object, module: str = "quanheng") -> tuple[int, str, str]:
    """A command in a fresh process that has the wheel; (exit code, output, errors)."""
    path = [str(HOUSE / "src"), *([str(site)] if site is not None else [])]
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def register(folder: Path) -> Path:
    """A desk's own register: of the shipped one what no day can do without."""
    head, *entries = (DATA / "models.toml").read_text(encoding="utf-8").split("\n[[")
    needed = [one for one in entries if any(f'name = "{name}"' in one for name in NEEDED)]
    path = folder / "models.toml"
    path.write_text("\n[[".join([head, *needed]), encoding="utf-8")
    return path


def choosing(folder: Path, *parameters: str) -> Path:
    """The shipped configuration with parameters, and the strategy's filing."""
    text = (DATA / "desk.toml").read_text(encoding="utf-8")
    for line in parameters:
        scope, name, value = line.split()
        text += f'\n[[parameters]]\nscope = "{scope}"\nname = "{name}"\nvalue = {value}\n'
    text += (
        '\n[[strategies]]\nstrategy = "quiet"\nversion = "1"\nfiled = 20240102\n'
        'maker = "Q01"\nchecker = "R01"\n'
    )
    path = folder / "desk.toml"
    path.write_text(text, encoding="utf-8")
    return path
