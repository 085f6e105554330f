"""Figure of documents: one contract as PDF against `typst compile` of a blank page."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import typst

from gongxin import typesetting
from gongxin.contracts.documents import curve, paper, service
from gongxin.contracts.fees import model as fees
from tests.rules.contract_papers import FEES, content, page

from .world import World

_MADE = datetime(2026, 11, 25, tzinfo=UTC)


def pdf(_world: World) -> float:
    """A whole contract over a blank page, each the best of ten, both in this process and with its fonts read."""
    value, model = content(), fees.read(FEES)

    def ours() -> None:
        told = page(value)
        data = told | {"headings": paper.HEADINGS, "curve_note": paper.CURVE_NOTE, "legend": curve.legend(model)}
        pictures = {"code": typesetting.qr_svg(told["check"]), "curve": curve.svg(model)}
        typesetting.pdf(service.TEMPLATE, data=data, made_at=_MADE, assets=pictures)

    with tempfile.TemporaryDirectory() as folder:
        blank = Path(folder) / "blank.typ"
        blank.write_text("")

        def theirs() -> None:
            typst.compile(str(blank))

        return _best(ours) / _best(theirs)


def _best(run: object) -> float:
    taken = []
    for _ in range(10):
        begun = time.perf_counter()
        run()  # type: ignore[operator]
        taken.append(time.perf_counter() - begun)
    return min(taken)
