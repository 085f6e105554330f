"""The import: every case once, whatever is killed and when; refused rows by their number; nothing said of a person."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gongxin_client import BadInput, ClientError, NotConnected, Profile, clock
from gongxin_client.importing import import_cases
from gongxin_client.importing import journal as journals
from gongxin_client.importing.listing import safe_cell
from gongxin_wire.identifiers import synthetic_cn_id

from .client_fake import FakeRegistry, make_profile

START = {"file": "f", "today": "2026-11-24"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "cases.csv", range(1, 11))


def write(path: Path, numbers: Any, extra: str = "") -> Path:
    lines = [f"JJ{n},身份证,{synthetic_cn_id(n)},2025年3月4日,张三{n}" for n in numbers]
    path.write_bytes(
        ("借据号,证件类型,证件号码,放款日期,客户姓名\n" + "\n".join(lines) + "\n" + extra).encode("gb18030")
    )
    return path


def refused_rows(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf"), "a BOM, so that a spreadsheet reads the Chinese"
    return list(csv.reader(raw.decode("utf-8-sig").splitlines()))[1:]


def registered(path: Path) -> dict[str, str]:
    found = list(csv.reader(path.read_text("utf-8-sig").splitlines()))[1:]
    return {reference: case_id for reference, case_id, _ in found}


# --- the plain way ----------------------------------------------------------------------------------------------------


def test_an_import_registers_each_row_and_reports(fake: FakeRegistry, file: Path) -> None:
    report = import_cases(fake.registry(), file, chunk_rows=4)
    assert (report.rows, report.created, report.exists, report.refused) == (10, 10, 0, 0)
    assert fake.count("/v1/cases/bulk") == 3
    assert registered(file.with_name("cases.csv.registered.csv")) == {ref: kept[0] for ref, kept in fake.cases.items()}
    assert all(line["opened_on"] == "2025-03-04" for _, line in fake.cases.values())


def test_faulty_rows_are_listed_by_the_spreadsheet_s_number_and_hinder_no_other(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    number = synthetic_cn_id(99)
    bad = number[:-1] + ("0" if number[-1] != "0" else "1")
    extra = f"JJX,身份证,{bad},2025-03-04,李四\n\nJJ2,,{number},2025-03-04,\nBAD1,,{number},2025-03-04,\n"
    file = write(tmp_path / "c.csv", range(1, 4), extra)
    report = import_cases(fake.registry(), file)
    assert (report.created, report.refused) == (3, 3)
    rows = refused_rows(report.refused_file)  # type: ignore[arg-type]
    assert [(r[0], r[1], r[2]) for r in rows] == [
        ("5", "id_check", "id_number"), ("7", "duplicate_reference", "creditor_ref"), ("8", "taken", "creditor_ref"),
    ]  # fmt: skip
    assert all(zh and en for *_, zh, en in rows)
    for path in tmp_path.iterdir():
        text = path.read_bytes()
        assert path == file or not any(n.encode() in text for n in (bad, number, synthetic_cn_id(1)))


def test_a_dry_run_checks_everything_and_sends_nothing(file: Path) -> None:
    report = import_cases(None, file)
    assert (report.rows, report.refused, report.dry_run) == (10, 0, True)
    assert sorted(p.name for p in file.parent.iterdir()) == ["cases.csv", "cases.csv.refused.csv"]


def test_a_second_import_of_the_same_file_sends_nothing(fake: FakeRegistry, file: Path) -> None:
    profile = make_profile()
    first = import_cases(fake.registry(profile), file)
    sent = fake.count("/v1/cases/bulk")
    again = import_cases(fake.registry(profile), file)
    assert fake.count("/v1/cases/bulk") == sent
    assert (again.created, again.resumed) == (first.created, True)


def test_a_fresh_import_finds_every_case_there(fake: FakeRegistry, file: Path) -> None:
    profile = make_profile()
    import_cases(fake.registry(profile), file)
    report = import_cases(fake.registry(profile), file, fresh=True)
    assert (report.created, report.exists) == (0, 10)
    assert len(fake.cases) == 10


@pytest.mark.parametrize("change", ["file", "client", "chunk"])
def test_a_journal_of_another_import_is_not_continued(fake: FakeRegistry, file: Path, change: str) -> None:
    profile = make_profile()
    import_cases(fake.registry(profile), file)
    if change == "file":
        write(file, range(1, 12))
    other = profile if change != "client" else Profile(profile.registry, "another", profile.key)
    with pytest.raises(BadInput, match="journal_of_another"):
        import_cases(fake.registry(other), file, chunk_rows=7 if change == "chunk" else 2000)


def test_progress_is_told_in_rows(fake: FakeRegistry, file: Path) -> None:
    told: list[tuple[int, int]] = []
    import_cases(fake.registry(), file, chunk_rows=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(5, 11), (9, 11), (11, 11)]


# --- kills ------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """A kill -9 as far as one process can play it: nothing of ours catches it."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_import_killed_around_a_request_goes_on_without_doubles(
    fake: FakeRegistry, file: Path, when: str, at: int
) -> None:
    profile, seen = make_profile(), [0]

    def kill(request: httpx.Request) -> None:
        if request.url.path == "/v1/cases/bulk":
            seen[0] += 1
            if seen[0] == at:
                if when == "after":
                    fake.bulk(request)
                raise Killed

    fake.hooks.append(kill)
    with pytest.raises(Killed):
        import_cases(fake.registry(profile), file, chunk_rows=4)
    fake.hooks.clear()
    before = fake.count("/v1/cases/bulk")
    report = import_cases(fake.registry(profile), file, chunk_rows=4)
    assert (report.created, report.exists, report.refused, report.resumed) == (10, 0, 0, True)
    assert len(fake.cases) == 10
    assert fake.count("/v1/cases/bulk") - before == 3 - (at - 1), "finished chunks are not sent again"
    assert registered(report.cases_file) == {ref: kept[0] for ref, kept in fake.cases.items()}  # type: ignore[arg-type]
    keys = [r.headers["Idempotency-Key"] for r in fake.requests if r.url.path == "/v1/cases/bulk"]
    assert keys[at - 1] == keys[at], "the unfinished chunk goes under its own key"


def test_an_import_whose_registry_is_gone_ends_and_goes_on_later(fake: FakeRegistry, file: Path) -> None:
    profile = make_profile()
    down = [False]

    def gone(request: httpx.Request) -> None:
        down[0] = down[0] or fake.count("/v1/cases/bulk") == 2
        if down[0] and request.url.path == "/v1/cases/bulk":
            raise httpx.ConnectError("gone")

    fake.hooks.append(gone)
    with pytest.raises(NotConnected):
        import_cases(fake.registry(profile), file, chunk_rows=4)
    fake.hooks.clear()
    assert import_cases(fake.registry(profile), file, chunk_rows=4).created == 10
    assert len(fake.cases) == 10


def test_every_point_at_which_the_journal_can_be_cut_off_gives_the_same_import(tmp_path: Path) -> None:
    """Whatever byte the disk had reached: the same ten cases, none doubled, and the journal whole again."""
    fake, profile = FakeRegistry(), make_profile()
    file = write(tmp_path / "cases.csv", range(1, 11))
    registry = fake.registry(profile)
    import_cases(registry, file, chunk_rows=4)
    journal = file.with_name("cases.csv.journal")
    whole = journal.read_bytes()
    first_line = whole.index(b"\n") + 1
    wanted = dict(fake.cases)
    # Each byte of the first two records after the start, then each record's edges: the rest repeats them.
    edges = [at + d for at in range(len(whole)) if whole[at : at + 1] == b"\n" for d in (-1, 0, 1)]
    points = sorted({*range(0, first_line + 400, 7), *edges, len(whole)})
    for point in points:
        journal.write_bytes(whole[:point])
        report = import_cases(registry, file, chunk_rows=4)
        assert report.created + report.exists == 10, point
        assert fake.cases == wanted, point
        after = journal.read_bytes()
        assert all(journals.decode(line) for line in after.splitlines(keepends=True)), point


def test_a_chunk_is_sent_anew_where_the_keys_have_rotated_meanwhile(fake: FakeRegistry, file: Path) -> None:
    profile = make_profile()

    def kill(request: httpx.Request) -> None:
        if request.url.path == "/v1/cases/bulk" and fake.count("/v1/cases/bulk") == 1:
            fake.bulk(request)
            raise Killed

    fake.hooks.append(kill)
    with pytest.raises(Killed):
        import_cases(fake.registry(profile), file)
    fake.hooks.clear()
    fake.move(1, "retiring")
    fake.add_epoch(2, "live")
    report = import_cases(fake.registry(profile), file)
    assert (report.created + report.exists, report.refused) == (10, 0)
    keys = [r.headers["Idempotency-Key"] for r in fake.requests if r.url.path == "/v1/cases/bulk"]
    assert keys[0] != keys[1], "another body, another key"


def test_lines_refused_for_a_rotation_are_sent_once_more(fake: FakeRegistry, file: Path) -> None:
    registry = fake.registry()
    registry.subjects.epochs()
    fake.move(1, "retiring")
    fake.add_epoch(2, "live")
    report = import_cases(registry, file)
    assert (report.created, report.refused) == (10, 0)
    assert {len(line["subject"]) for _, line in fake.cases.values()} == {2}


# --- the journal itself -----------------------------------------------------------------------------------------------


def test_a_journal_cut_at_any_byte_reads_as_what_was_whole_by_then(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with journals.opened(path, START) as journal:
        journal.sending(0, "key-0", "digest-0")
        journal.finished(0, [(2, "created", "id"), (3, "refused", {"code": "c", "zh": "中", "en": "e", "field": ""})])
        journal.sending(1, "key-1", "digest-1")
        journal.finished(1, [(4, "exists", "id2")])
        journal.end({"created": 1, "exists": 1, "refused": 1})
    whole = path.read_bytes()
    ends = [at + 1 for at in range(len(whole)) if whole[at : at + 1] == b"\n"]
    assert len(ends) == 6
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with journals.opened(path, START | {"today": "2026-12-01"}) as journal:
            records = sum(end <= cut for end in ends)
            assert sorted(journal.keys) == [0] * (records >= 2) + [1] * (records >= 4)
            assert sorted(journal.done) == [0] * (records >= 3) + [1] * (records >= 5)
            assert (journal.ended is not None) == (records == 6)
            assert journal.start["today"] == ("2026-11-24" if records else "2026-12-01"), "the day of the first start"
        assert (
            path.read_bytes()[: max([0, *(e for e in ends if e <= cut)])]
            == whole[: max([0, *(e for e in ends if e <= cut)])]
        )


def test_a_torn_end_is_cut_off_before_anything_is_added(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with journals.opened(path, START) as journal:
        journal.sending(0, "key-0", "digest-0")
    with open(path, "ab") as file:
        file.write(b'{"is":"done","chunk":0,"rows":[' + b"x" * 500)
    with journals.opened(path, START) as journal:
        journal.sending(1, "k", "d")
    with journals.opened(path, START) as journal:
        assert sorted(journal.keys) == [0, 1]


def test_a_journal_altered_before_its_end_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with journals.opened(path, START) as journal:
        journal.sending(0, "key-0", "digest-0")
        journal.sending(1, "key-1", "digest-1")
    whole = path.read_bytes()
    second = whole.index(b"\n") + 5
    path.write_bytes(whole[:second] + b"X" + whole[second + 1 :])
    with pytest.raises(BadInput, match="journal_damaged"), journals.opened(path, START):
        pass


def test_two_imports_of_one_file_at_once_are_refused(tmp_path: Path) -> None:
    with (
        journals.opened(tmp_path / "j", START),
        pytest.raises(BadInput, match="in_use"),
        journals.opened(tmp_path / "j", START),
    ):
        pass


def test_a_record_is_on_the_disk_before_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("gongxin_client.importing.journal.os.fsync", lambda handle: synced.append(handle))
    with journals.opened(tmp_path / "j", START) as journal:
        before = len(synced)
        journal.sending(0, "k", "d")
        assert len(synced) == before + 1
        assert b'"send"' in (tmp_path / "j").read_bytes()


def test_the_journal_and_the_lists_are_the_member_s_alone(fake: FakeRegistry, file: Path) -> None:
    import_cases(fake.registry(), file)
    for name in ("journal", "refused.csv", "registered.csv"):
        assert file.with_name(f"cases.csv.{name}").stat().st_mode & 0o077 == 0
    journal = file.with_name("cases.csv.journal").read_text("utf-8")
    assert synthetic_cn_id(1) not in journal
    assert "张三" not in journal


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "|x"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == "'" + text
    assert safe_cell("a" + text) == "a" + text


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_an_import_of_many_rows_stays_small(tmp_path: Path) -> None:
    """100,000 rows through the checks of a dry run, in a process of its own: under 300 MB at its height."""
    file = tmp_path / "big.csv"
    with open(file, "w", encoding="gb18030") as out:
        out.write("借据号,证件号码,放款日期\n")
        for n in range(100_000):
            out.write(f"JJ{n},{synthetic_cn_id(n)},20250304\n")
    # VmHWM begins anew with the program; ru_maxrss would begin with what this process held when it was forked.
    code = (
        "import sys; from gongxin_client.importing import import_cases;"
        "r = import_cases(None, sys.argv[1]);"
        "print(r.rows - r.refused, open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True,
                         env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    good, kilobytes = map(int, run.stdout.split())
    assert good == 100_000
    assert kilobytes < 300 * 1024


def test_a_chunk_has_bounds(fake: FakeRegistry, file: Path) -> None:
    for size in (0, 10_001):
        with pytest.raises(ClientError, match="bad_chunk"):
            import_cases(fake.registry(), file, chunk_rows=size)
