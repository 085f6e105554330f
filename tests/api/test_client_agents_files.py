"""Files of people on the command line: GB18030 and UTF-8 in, a result a row, UTF-8 with BOM and no formula out."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gongxin_client import profile as profiles
from gongxin_client.cli import main
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.test_client_agents import live
from tests.live import Live
from tests.rules.test_client_photos import jpeg
from tests.services.agents_world import YESTERDAY

__all__ = ["live"]
ON = YESTERDAY.isoformat()


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`acting(profile)`: commands are that member's from now on."""
    return lambda profile: monkeypatch.setattr(profiles, "read", lambda _path: profile)


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["agents", *map(str, arguments), "--json"])


def read(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_a_file_of_applicants_has_a_result_a_row(live: Live, acting: Any, tmp_path: Path) -> None:
    agency, association = live.member("agency"), live.member("association")
    acting(agency)
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "b.jpg").write_bytes(b"no picture" * 300)
    head = "id_number,name,education,photo,adult_as_of,declared_on\n"
    lines = "".join(
        f"{synthetic_cn_id(7_310_000 + n)},测试员{name},college,{photo},{ON},{ON}\n"
        for n, (name, photo) in enumerate((("甲", "a.jpg"), ("乙", "b.jpg"), ("=甲", "none.jpg")))
    )
    answer = run("apply", write(tmp_path / "in.csv", head + lines, "gb18030"), tmp_path / "out.csv")
    assert (answer.exit_code, json.loads(answer.output)) == (1, {"done": 1, "refused": 2})
    told = read(tmp_path / "out.csv")
    assert [(row["row"], row["status"], row["code"]) for row in told] == [
        ("2", "done", ""), ("3", "refused", "not_a_photo"), ("4", "refused", "file_unreadable"),
    ]  # fmt: skip
    assert run("list", tmp_path / "roll.csv").exit_code == 0
    (listed,) = read(tmp_path / "roll.csv")
    assert (listed["licence"], listed["state"]) == (told[0]["made"], "applied")

    assert run("records", tmp_path / "records.csv", "--as-of", ON).exit_code == 0
    (record,) = read(tmp_path / "records.csv")
    assert (record["licence"], record["as_of"], record["grade"], record["record_id"]) == (
        listed["licence"],
        ON,
        "A",
        "",
    )

    acting(association)
    agent = listed["agent_id"]
    hours = f"agent_id,course,hours,completed_on\n{agent},law,16,{ON}\n{agent},privacy,8,{ON}\n{agent},cooking,9,{ON}\n"
    answer = run("training", write(tmp_path / "hours.csv", hours), tmp_path / "hours-out.csv")
    assert answer.exit_code == 1, answer.output
    assert [row["code"] for row in read(tmp_path / "hours-out.csv")] == ["", "", "unknown_course"]
    results = (
        f"agent_id,level,sat_on,score,examiner_id,examiner_ref\n{agent},basic,{ON},90,{association.member_id},K-1\n"
    )
    run("results", write(tmp_path / "results.csv", results), tmp_path / "results-out.csv")
    assert read(tmp_path / "results-out.csv")[0]["code"] == "training_missing"
    bad = run("training", write(tmp_path / "bad.csv", "agent_id\nx\n"), tmp_path / "bad-out.csv")
    assert (bad.exit_code, json.loads(bad.output)["error"]["code"]) == (2, "column_missing")


def test_a_file_of_people_is_checked_by_number_and_identifier(live: Live, acting: Any, tmp_path: Path) -> None:
    acting(live.member("bank"))
    asked = f"licence,id_number\nGX7K4M2P9QWAC,\n,{synthetic_cn_id(7_320_001)}\n"
    answer = run("check", write(tmp_path / "in.csv", asked), tmp_path / "out.csv", "--purpose", "placement")
    assert (answer.exit_code, json.loads(answer.output)) == (1, {"found": 0, "unknown": 2})
    assert [(row["row"], row["found"]) for row in read(tmp_path / "out.csv")] == [("2", "False"), ("3", "False")]
    off = run(
        "check", write(tmp_path / "off.csv", "licence\nGX7K4M2P9QWAD\n"), tmp_path / "off-out.csv",
        "--purpose", "placement",
    )  # fmt: skip
    assert (off.exit_code, json.loads(off.output)["error"]["code"]) == (2, "licence_check")
    assert not (tmp_path / "off-out.csv").exists()
