"""`python -m tests.bench [name …]`: a line a figure; exit 1 where one falls short of its bound."""

import sys
from pathlib import Path

from .figures import FIGURES
from .world import ROOT, World


def main(names: list[str]) -> int:
    known = {figure.name for figure in FIGURES}
    if unknown := [name for name in names if name not in known]:
        print(f"no figure {', '.join(unknown)}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    (ROOT / "var").mkdir(exist_ok=True)
    world, short = World(Path(ROOT / "var" / "bench")), []
    try:
        for figure in FIGURES:
            if names and figure.name not in names:
                continue
            ratio = figure.run(world)
            word = "at most" if figure.at_most else "at least"
            verdict = "" if figure.holds(ratio) else f"  SHORT of {word} {figure.bound}"
            print(f"{figure.name} {ratio:.3f} ({figure.what}; {word} {figure.bound}){verdict}", flush=True)
            if verdict:
                short.append(figure.name)
    finally:
        world.close()
    return 1 if short else 0


sys.exit(main(sys.argv[1:]))
