"""A recording: registered by an agency when it is made, proven to a court when it is asked for."""

import json
import random
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

from gongxin_client.evidencing import proofs, verifying
from gongxin_client.evidencing import report as reports
from gongxin_client.evidencing.hashing import fingerprint

from . import logbook
from .day import Day
from .screen import expect

_SECONDS, _RATE = 3, 8000
_STEPS = ["file", "record", "log", "witness", "witness", "stamp", "custody"]


def a_recording_is_registered(day: Day) -> None:
    """The file stays with the agency; what the registry gets is its fingerprint."""
    day.screen.chapter("八、录音存证", "a recording becomes evidence")
    path = recording(day)
    agency = day.software["chenyu"]
    case_id = next(case.case_id for case in agency.cases(placement="accepted"))
    with day.screen.step(
        day.name("chenyu"), "登记一通录音的指纹", "registers the fingerprint of a recorded call"
    ) as says:
        _record(path)
        says(f"$ gongxin-member evidence add {path.name} --case …{case_id[-12:]}")
        told = day.type("chenyu", "evidence", "add", str(path), "--case", case_id, "--device", "PBX-03")
        expect((told["created"], told["refused"]) == (1, 0), "未登记", "it was not registered")
        [evidence] = agency.own_evidence(sha256=fingerprint(path).sha256)
        says(
            f"SHA-256 {evidence.sha256[:16]}…，保存至 {evidence.keep_until}；录音不离开机构",
            f"kept until {evidence.keep_until}; the recording stays with the agency",
        )
    with day.screen.step(day.name("chenyu"), "登记向法院披露", "records its disclosure to a court") as says:
        disclosed = agency.record_custody(evidence, "disclosed", to=day.name("court-1"), basis="法院调取 court order")
        events = [event["event"] for event in agency.custody(evidence.evidence_id)]
        expect(events == ["created", "disclosed"], f"保管链为 {events}", "the chain of custody is another")
        expect(disclosed.custody_head != evidence.custody_head, "保管链未延长", "the chain has not grown")
        day.last_leaf = agency.evidence_openings(evidence.evidence_id)[-1].leaf_id
        says(
            "保管链：制作 → 披露，后一环含前一环的摘要",
            "custody: created, disclosed; each holds the digest of the one before",
        )
    with day.screen.step(day.name("yunshan"), "查看本案有何证据", "sees that there is evidence on its case") as says:
        [seen] = [
            each
            for each in day.software["yunshan"].evidence_of_case(case_id)
            if each["evidence_id"] == evidence.evidence_id
        ]
        expect(seen["own"] is False and "device" not in seen, "看到的超出约定", "it sees more than it may")
        says("只见类别、指纹与时间", "kind, fingerprint and time, no more")


def recording(day: Day) -> Path:
    """Where the agency keeps the call of this day."""
    return day.town.folder / "evidence" / f"day-{day.town.cast.day}" / "call.wav"


def _record(path: Path) -> None:
    """A telephone line on which nobody speaks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(bytes(random.randbytes(2 * _RATE * _SECONDS)))


def the_recording_is_proven(day: Day) -> None:
    """The agency hands over file, proof and report; the court repeats it with keys it has from elsewhere, offline."""
    path = recording(day)
    with day.screen.step(day.name("chenyu"), "为录音取得证明", "fetches what proves the recording") as says:
        proofs.save(proofs.prove(day.software["chenyu"], path), _proof(path))
        says(f"{_proof(path).name}，{_proof(path).stat().st_size:,} 字节", f"{_proof(path).stat().st_size:,} bytes")
    with day.screen.step(day.name("court-1"), "离线核验，写出报告", "verifies it offline and has the report") as says:
        says(f"$ gongxin-member evidence report {path.name} --log-key … --witness … --tsa-certificate …")
        code, told = _report(day, path)
        expect(code == 0 and told["holds"], f"不成立：{told.get('faults')}", "it does not hold")
        codes = [step["code"] for step in told["steps"]]
        expect(codes == _STEPS, f"步骤为 {codes}", "other steps")
        report = json.loads(Path(told["json"]).read_text("utf-8"))
        for step in report["steps"]:
            expect(step["standing"] == verifying.PROVEN, f"未证明：{step['zh']}", "a step is not proven")
            says(f"· {step['zh']}", step["en"])
        expect(report["registered_no_later_than"] is not None, "没有时间", "no time is proven")
        says(f"登记不晚于 {report['registered_no_later_than']}", "registered no later than that")
        page = Path(told["html"]).read_text("utf-8")
        expect(report["file"]["sha256"] in page and "不证明" in page, "网页不完整", "the page is not whole")
        says(f"{Path(told['json']).name}、{Path(told['html']).name}（可打印）", "the report, and a page to print")
    with day.screen.step(day.name("court-1"), "核验一份改动过的录音", "is given a changed recording") as says:
        changed = path.with_name("changed.wav")
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        changed.write_bytes(data)
        _proof(changed).write_bytes(_proof(path).read_bytes())
        code, told = _report(day, changed)
        expect(code == 5 and not told["holds"], "改动竟未被发现", "the change was not found")
        says(
            f"改了一位，不成立：{'、'.join(told['faults'])}，退出码 {code}",
            f"one bit changed: refused, exit code {code}",
        )


def _report(day: Day, path: Path) -> tuple[int, dict[str, Any]]:
    """(exit code, answer) of the command as a court types it: no profile, no registry, keys of its own."""
    trust = logbook.trust(day)
    keys = [f"--log-key={key}" for key in trust.log] + [f"--witness={vkey}" for vkey in day.witnesses]
    done = subprocess.run(
        [sys.executable, "-m", "gongxin_client", "evidence", "report", str(path), *keys,
         "--tsa-certificate", str(day.town.stamping_root), "--profile", str(path.with_name("none.toml")), "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    expect(bool(done.stdout), done.stderr, "the command failed")
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, told


def check_recording(day: Day) -> None:
    """Raises StepFailed where the proof kept before no longer holds."""
    path, trust = recording(day), logbook.trust(day)
    known = verifying.Trust(tuple(trust.log), tuple(trust.witnesses), tuple(trust.authorities))
    made = reports.make(proofs.read(_proof(path)), fingerprint(path), known)
    expect(made.verdict.holds, f"录音的证明不再成立：{made.faults()}", "the recording is no longer proven")


def _proof(path: Path) -> Path:
    return path.with_name(path.name + ".proof.json")
