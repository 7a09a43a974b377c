"""The command line: `quanheng VERB`. An interpreter that must not run this hears so first."""

import sys

from quanheng.edge.gates import interpreter_problems


def main() -> None:
    """Entry point; ends with 2 where assertions are off or the version is wrong (promise 28)."""
    problems = interpreter_problems(machines=False)
    if problems:
        sys.stderr.write(f"quanheng: {'; '.join(problems)}\n")
        sys.exit(2)
    from quanheng.cli import main as verbs  # everything else loads behind the gate

    verbs()


if __name__ == "__main__":
    main()
