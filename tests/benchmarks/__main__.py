# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the benchmarks of this folder, one after another, each in a process of its own.

Every module here that has a `main()` is one; the first line of its docstring says what it measures. `SHORT`, if it
has that, is the list of its own options that make it take seconds: what `--short` adds.
"""

import argparse
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

EPILOG = """
examples:
  python -m tests.benchmarks                                  all of them, in full: this takes an hour or more
  python -m tests.benchmarks --short                          all of them with small numbers, to see that they run
  python -m tests.benchmarks against_stock                    one
  python -m tests.benchmarks against_stock -- --cards 5000    one, with options of its own
  python -m tests.benchmarks.against_stock --help             what options it has
  make bench BENCH='duplicates --short'                       the same by make

Small numbers say nothing about speed. For figures that mean something let nothing else run on the machine."""


def benchmarks() -> dict[str, ModuleType]:
    """The benchmarks that there are, by name."""
    names = sorted(each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)]) if each.name != "__main__")
    modules = {name: importlib.import_module(f"tests.benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "main")}


def _listed(found: dict[str, ModuleType]) -> str:
    lines = ["benchmarks:"]
    lines += [f"  {name:16} {(module.__doc__ or '').strip().splitlines()[0]}" for name, module in found.items()]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run what is asked for. The exit status is 1 if one of them failed; the others are run all the same."""
    own: list[str] = []
    if "--" in arguments:
        place = arguments.index("--")
        arguments, own = arguments[:place], arguments[place + 1 :]
    found = benchmarks()
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        usage="%(prog)s [NAME ...] [--short] [--list] [-- OPTION ...]",
        description="Measures radicale-bcm. Without a NAME: with every benchmark, one after another.",
        epilog=_listed(found) + "\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmark; several are run in this order")
    parser.add_argument("--short", action="store_true", help="small numbers: takes seconds and proves that it runs")
    parser.add_argument("--list", action="store_true", help="only say which there are")
    options = parser.parse_args(arguments)
    if options.list:
        print(_listed(found))
        return 0
    names = options.names or list(found)
    if unknown := [name for name in names if name not in found]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(found)}")
    if own and len(names) != 1:
        parser.error("options after -- belong to one benchmark: name it")
    failed = []
    for name in names:
        short = list(getattr(found[name], "SHORT", ())) if options.short else []
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *short, *own]
        print(f"\n=== {name}: {' '.join(['python', *command[1:]])}", flush=True)
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
