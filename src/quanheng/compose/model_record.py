"""The record of a model's tests (I-08 to I-10): what was run, how far off it was, what may be."""

import msgspec

PASSED = "passed"
FAILED = "failed"
NOT_RUN = "not run"

_OUTCOMES_ZH = {PASSED: "通过", FAILED: "不通过", NOT_RUN: "未运行"}


class CheckResult(msgspec.Struct, frozen=True):
    """One check of a battery: passed when `worst` is at most `allowed` and no case was lost."""

    name: str
    """Stable name, a sentence in words joined by hyphens."""
    title_zh: str
    title_en: str
    cases: int
    """Number of cases compared; 0 when the check was not run."""
    worst: float
    """Largest violation found, in the unit that the title names."""
    allowed: float
    outcome: str
    """PASSED, FAILED or NOT_RUN."""
    remark: str = ""
    """Why it was not run, or where the worst case lies."""


class TestRecord(msgspec.Struct, frozen=True):
    """All checks of one model, with what is needed to run the very same test again."""

    __test__ = False  # not a test class, whatever its name says to collectors

    model: str
    title_zh: str
    title_en: str
    version: str
    """Of this system."""
    source_hash: str
    """SHA-256 of the files in `sources`, names and contents, in order."""
    sources: tuple[str, ...]
    libraries: dict[str, str]
    """Library -> version; the language first."""
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """No check failed and at least one ran. Checks that were not run are listed as such."""
        outcomes = [check.outcome for check in self.checks]
        return PASSED in outcomes and FAILED not in outcomes


def render(record: TestRecord) -> str:
    """The record as Markdown, Chinese first and English second."""
    outcome = PASSED if record.passed else FAILED
    libraries = ", ".join(f"{name} {version}" for name, version in record.libraries.items())
    lines = [
        f"# 模型测试记录 / Model test record: {record.title_zh} / {record.title_en}",
        "",
        "| 项目 / item | 内容 / value |",
        "|---|---|",
        f"| 模型 / model | {record.model} |",
        f"| 系统版本 / system version | {record.version} |",
        f"| 源文件摘要 / source hash (SHA-256) | {record.source_hash} |",
        f"| 源文件 / sources | {', '.join(f'`{name}`' for name in record.sources)} |",
        f"| 运行库 / libraries | {libraries} |",
        f"| 结论 / result | {_OUTCOMES_ZH[outcome]} / {outcome} |",
        "",
        "## 测试项目 / Checks",
        "",
        "| 项目 / check | 用例数 / cases | 最大偏差 / worst | 允许 / allowed | 结果 / outcome "
        "| 备注 / remark |",
        "|---|---:|---:|---:|---|---|",
    ]
    lines += [
        f"| {check.title_zh} / {check.title_en} | {check.cases:,} | {check.worst:.2e} "
        f"| {check.allowed:.2e} | {_OUTCOMES_ZH[check.outcome]} / {check.outcome} "
        f"| {check.remark} |"
        for check in record.checks
    ]
    return "\n".join([*lines, ""])
