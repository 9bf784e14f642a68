# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file of a folder of vCards loses what on its way through a real server.

    python -m tests.corpus.table [FOLDER]

Without FOLDER: the environment's BCM_VCARDS, else `shared/vcards` beside the project. Nothing of it is copied.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.corpus.trial import ROOT, WAYS, Trial, run_all, why_refused


def folder_of(arguments: list[str]) -> Path:
    """Where the cards are; it need not exist."""
    given = arguments[0] if arguments else os.environ.get("BCM_VCARDS")
    return Path(given) if given else ROOT.parent / "shared" / "vcards"


def files_in(folder: Path) -> list[Path]:
    """All .vcf files below a folder, and those that a program's tests expect as its output (.vcf.ref)."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith((".vcf", ".vcf.ref")))


def rows(cards: list[Trial]) -> list[str]:
    """The table: one line per file."""
    by_file: dict[str, list[Trial]] = {}
    for each in cards:
        by_file.setdefault(each.file, []).append(each)
    width = max(len(name) for name in by_file)
    result = [f"{'file':{width}}  cards  taken  lost"]
    for name, mine in by_file.items():
        taken = sum(not each.refused for each in mine)
        whats = [f"{way}: {'; '.join(each.lost[way])}" for each in mine for way in WAYS if way in each.lost]
        whats += [f"{way}: {'; '.join(each.wrapped[way])}" for each in mine for way in WAYS if way in each.wrapped]
        whats += [f"refused ({way}): {why}" for each in mine for way, why in each.refused.items()]
        result.append(f"{name:{width}}  {len(mine):5}  {taken:5}  {' | '.join(dict.fromkeys(whats)) or '-'}")
    return result


def summary(cards: list[Trial]) -> list[str]:
    """The figures."""
    result = [f"{len({each.file for each in cards})} files, {len(cards)} cards"]
    for way in WAYS:
        refused = [each for each in cards if ("edit" if way == "later" else way) in each.refused]
        losing = [each for each in cards if way in each.lost]
        wrapped = sum(way in each.wrapped for each in cards)
        lossless = len(cards) - len(refused) - len(losing)
        result.append(
            f"{way:7} refused {len(refused):3}, lossless {lossless:3} ({wrapped} of them in part as X-BCM-UNREADABLE), "
            f"lost {len(losing):3}"
        )
    reasons = Counter(why_refused(each, cards) for each in cards if each.refused)
    wrong = [f"{each.file} #{each.number}" for each in cards if each.refused and not why_refused(each, cards)]
    result.append(f"refused for a reason: {', '.join(f'{count} {why}' for why, count in reasons.items() if why)}")
    result.append(f"refused without one: {', '.join(wrong) or 'none'}")
    kinds = Counter(what.split(" ")[0] for each in cards for way in WAYS for what in each.lost.get(way, ()))
    result.append(f"losses by property: {dict(kinds.most_common(12)) or 'none'}")
    return result


def main(arguments: list[str]) -> int:
    """Print the table; status 1 if anything was lost or a card refused without a reason."""
    folder = folder_of(arguments)
    files = files_in(folder)
    if not files:
        print(f"no .vcf files in {folder}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as place:
        cards = run_all(Path(place), files, folder)
    print("\n".join([*rows(cards), "", *summary(cards)]))
    return int(any(each.lost or (each.refused and not why_refused(each, cards)) for each in cards))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
