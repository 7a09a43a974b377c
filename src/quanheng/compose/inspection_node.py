"""Evidence that an inspection takes from the machine it runs on: what the node is made of, its
self-test, the layouts it reads (I-49, I-52, T-06, promise 45).
"""

import csv
from pathlib import Path

from quanheng.compose import configuration, migrate
from quanheng.compose.day import DayPlan
from quanheng.compose.document_files import write_document
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import load
from quanheng.compose.self_test import NOTED, examine, file_record
from quanheng.config import read_config

SIGNED = ("docx",)


def configuration_list(out: Path) -> tuple[list[Path], str]:
    """系统软硬件配置清单 of this machine with the shipped configuration, for people and as JSON."""
    found = configuration.listed(read_config())
    files = write_document(configuration.document(found), out, "configuration-list", SIGNED)
    kept = out / "configuration-list.json"
    configuration.write(found, kept)
    return [*files, kept], f"节点 {found.node}，{len(found.rows)} 项，由本机取得"


def self_test(out: Path) -> tuple[list[Path], str]:
    """The self-test before the open, run now. RunError when the day might not start."""
    out.mkdir(parents=True, exist_ok=True)
    done = examine(DayPlan(scenario=load("calm"), config=read_config()), out)
    path = file_record(done, out)
    if not done.ok:
        raise RunError(f"自检未通过：{'；'.join(f'{one.words} {one.note}' for one in done.failed)}")
    noted = sum(one.state == NOTED for one in done.findings)
    return [path], f"自检 {len(done.findings)} 项，未通过 0 项，提示 {noted} 项"


def layouts(out: Path) -> tuple[list[Path], str]:
    """What this version writes and reads, and what becomes of older layouts."""
    out.mkdir(parents=True, exist_ok=True)
    rows = migrate.compatibility()
    path = out / "layouts.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(rows[0]._fields)
        writer.writerows(rows)
    return [path], f"{len(rows)} 类文件的布局：写出、可读、旧布局的处理"
