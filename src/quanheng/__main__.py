"""The command line: `quanheng VERB`."""

from quanheng.cli import main

if __name__ == "__main__":
    main()
