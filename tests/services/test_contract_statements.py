"""Monthly statements as PDF: every line with its steps, the sums, the leaf and its QR; what other programs say of our
papers."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.contracts.commissions import service as commissions
from gongxin.contracts.commissions.models import Statement
from gongxin.contracts.documents import service, statements
from gongxin.contracts.models import Contract
from gongxin.errors import GongxinError
from tests.services.contracts_world import TODAY, Desk, desks

ISSUER = "https://registry.example"


@pytest.fixture
def desk(session: Session, owner_engine: Engine, config: Config) -> Iterator[Desk]:
    yield from desks(session, owner_engine, config)


@pytest.fixture
def contract(desk: Desk) -> Contract:
    return desk.signed()


def stated(desk: Desk, contract: Contract) -> Statement:
    """12,345.67 and 100.00 yuan at 20 %, the second one taken back."""
    found = []
    for reference, fen in (("R-1", 1_234_567), ("R-2", 10_000)):
        desk.become(desk.agency)
        made = commissions.report(
            desk.session, caller=desk.agency, contract_id=contract.id, reference=reference, received_on=TODAY, age=3,
            parts={"principal": fen},
        )[0]  # fmt: skip
        desk.become(desk.bank)
        found.append(commissions.confirm(desk.session, made.id, caller=desk.bank)[0])
    commissions.reverse(
        desk.session, found[1].id, caller=desk.bank, amount_fen=10_000, reversed_on=TODAY, reason="退票"
    )
    desk.become(desk.agency)
    return commissions.make_statement(desk.session, caller=desk.agency, contract_id=contract.id, month=f"{TODAY:%Y-%m}")


def agreed(desk: Desk, statement: Statement) -> Statement:
    desk.become(desk.bank)
    lines = [(position, "agreed", None) for position in (1, 2, 3)]
    return commissions.decide(desk.session, statement.id, caller=desk.bank, lines=lines)


def made(desk: Desk, statement: Statement) -> bytes:
    return statements.pdf(desk.session, statement.id, issuer=ISSUER)


def words(pdf: bytes) -> str:
    return "".join("".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_each_line_is_printed_with_its_steps_and_the_sum_is_that_of_the_lines(desk: Desk, contract: Contract) -> None:
    statement = agreed(desk, stated(desk, contract))
    first = made(desk, statement)
    said = words(first)
    for step in ("12,345.67×20.00%=2,469.13", "上限cap25.00%：3,086.41", "原佣金20.00，回拨20.00", "−20.00"):
        assert step in said
    assert "各行合计Sumofthelines2,469.13双方确认Agreed2,469.13" in said
    assert (statement.total_fen, statement.agreed_fen) == (246_913, 246_913)
    assert f"{ISSUER}/v1/log/proofs/{statement.leaf_id}" in said
    desk.become(desk.agency)
    assert made(desk, statement) == first


def test_the_hash_on_the_paper_is_the_one_its_leaf_commits_to(
    desk: Desk, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[dict[str, Any]] = []
    append = commissions.transparency.append
    monkeypatch.setattr(
        commissions.transparency, "append", lambda *given, **more: (kept.append(more), append(*given, **more))[1]
    )
    said = words(made(desk, agreed(desk, stated(desk, contract))))
    (record,) = [each["record"] for each in kept if each["kind"] == "statement"]
    assert record["lines"] in said


def test_an_open_statement_says_that_it_settles_nothing_and_bears_no_code(desk: Desk, contract: Contract) -> None:
    statement = stated(desk, contract)
    said = words(made(desk, statement))
    assert "本文件不作结算依据" in said
    assert "/v1/log/proofs" not in said


def test_strangers_get_no_statement_and_a_long_one_is_refused(
    desk: Desk, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = stated(desk, contract)
    statement_id = statement.id
    monkeypatch.setattr(statements, "MAX_LINES", 2)
    with pytest.raises(GongxinError) as caught:
        made(desk, statement)
    assert caught.value.code == "statement_too_long"
    for stranger in (desk.association, desk.world.member("bank"), desk.world.member("agency")):
        desk.become(stranger)
        desk.session.expire_all()
        with pytest.raises(GongxinError) as caught:
            statements.pdf(desk.session, statement_id, issuer=ISSUER)
        assert caught.value.code == "statement_not_found"


# --- what other programs say of our papers --------------------------------------------------------------------------


def _run(*words: str) -> str:
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def papers(desk: Desk, contract: Contract, tmp_path: Path) -> list[Path]:
    statement = agreed(desk, stated(desk, contract))
    found = [tmp_path / "statement.pdf", tmp_path / "contract.pdf"]
    found[0].write_bytes(made(desk, statement))
    found[1].write_bytes(service.pdf(desk.session, contract.id, issuer=ISSUER))
    return found


def test_pdfinfo_reads_our_papers(papers: list[Path]) -> None:
    for paper in papers:
        told = _run("pdfinfo", str(paper))
        assert "A4" in told
        assert "JavaScript:      no" in told
        assert "Encrypted:       no" in told


def test_qpdf_finds_no_fault_in_our_papers(papers: list[Path]) -> None:
    for paper in papers:
        assert "No syntax or stream encoding errors found" in _run("qpdf", "--check", str(paper))


def test_mutool_draws_our_papers_without_an_error(papers: list[Path], tmp_path: Path) -> None:
    for paper in papers:
        told = _run("mutool", "draw", "-r", "72", "-o", str(tmp_path / f"{paper.stem}-%d.png"), str(paper))
        assert not [line for line in told.splitlines() if line.startswith("error")]
        assert (tmp_path / f"{paper.stem}-1.png").stat().st_size > 1_000


def test_every_font_is_embedded(papers: list[Path]) -> None:
    for paper in papers:
        fonts = _run("pdffonts", str(paper)).splitlines()[2:]
        assert fonts
        assert all("yes yes yes" in " ".join(line.split()) for line in fonts), fonts
