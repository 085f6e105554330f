"""`gongxin fund` for the association's office: a levy run from preview to invoice, and what is due by the clock."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from gongxin import clock
from gongxin.cli import main
from gongxin.db import transaction
from gongxin.fund.income import queries, service
from tests.services.income_world import EVIDENCE, month_before, open_office


@pytest.fixture
def run(web_url: str, owner_url: str) -> Any:
    env = {"GONGXIN_DATABASE_URL": web_url, "GONGXIN_MIGRATION_DATABASE_URL": owner_url}

    def ask(*arguments: str) -> Any:
        result = CliRunner().invoke(main, [*arguments, "--json"], env=env)
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return ask


def test_a_levy_run_typed_by_the_office(engine: Engine, run: Any) -> None:
    month = month_before(clock.today_in_china())
    with transaction(engine) as session:
        office = open_office(session)
        office.become(office.agency, "agency")
        service.state_base(session, member_id=office.agency, month=month, base_fen=1_000_000, evidence_sha256=EVIDENCE)
        office.become(None, "registry")
    member = ("--member", str(office.member_id))
    assert isinstance(run("fund", "chart")["opened"], list)
    shown = run("fund", "levy-run", "--last-month", month, *member, "--officer", "lin-01")
    assert shown["state"] == "preview"
    for officer in ("WANG02", "ZHAO03"):
        content = ("--content", shown["content_hash"])
        shown = run("fund", "run-approve", shown["run_id"], *content, *member, "--officer", officer)
    assert shown["state"] == "approved"
    issued = run("fund", "run-issue", shown["run_id"], *member, "--officer", "LIN01")
    assert issued["state"] == "issued"
    assert issued["run_id"] in {each["run_id"] for each in run("fund", "runs", "--state", "issued")}
    with transaction(engine) as session:
        charges = queries.run_charges(session, shown["run_id"])
        assert office.agency in {charge.member_id for charge in charges}
    assert set(run("fund", "clocks")) == {"dunned", "lifted", "expired"}
    assert isinstance(run("fund", "claims"), list)
