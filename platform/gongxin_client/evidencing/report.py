"""The report for a court: what `verifying.verify` found, as one JSON file and one page to print."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import clock, files
from . import page
from .hashing import Fingerprint
from .repeating import repeats
from .verifying import FAILED, STATED, Trust, Verdict, verify

FORMAT = "gongxin-evidence-report-1"
_NOT_PROVEN = (
    ("不证明内容属实，也不证明其中由谁说话、由谁书写", "Not that the content is true, nor who speaks or writes in it"),
    ("不证明声称的制作者、设备与制作时间：它们是登记机构的陈述",
     "Not the maker, device and time claimed: these are statements of the member"),
    ("不证明文件在登记之前未被剪辑或改动", "Not that the file was unedited before it was registered"),
    ("保管事件由登记机构自行申报；证明的是申报的内容与先后，不是事件本身",
     "Custody is what the member declared: its content and order are proven, not the events themselves"),
)  # fmt: skip
_STATED = (
    "标为“待核对”的步骤，所用公钥或证书来自证明文件本身：请向登记处、见证方或时间戳机构另行取得并比对",
    "Steps marked `stated` rest on a key or certificate from the proof itself: obtain it from the registry, the"
    " witness or the authority by another way, and compare",
)
_NO_TIME = (
    "没有见证联署或时间戳：登记时间仅为登记处的陈述",
    "No cosignature and no stamp: the time is the registry's word alone",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict with the proof it is about; `as_dict` is the JSON file, `html` the page."""

    proof: Mapping[str, Any]
    verdict: Verdict
    made_at: str

    def not_proven(self) -> list[tuple[str, str]]:
        found = list(_NOT_PROVEN)
        if any(step.standing == STATED for step in self.verdict.steps):
            found.append(_STATED)
        if self.verdict.at_latest is None and self.verdict.if_right is None:
            found.append(_NO_TIME)
        return found

    def as_dict(self) -> dict[str, Any]:
        at_latest, if_right = self.verdict.at_latest, self.verdict.if_right
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "registry": self.proof["registry"],
            "holds": self.verdict.holds,
            "registered_no_later_than": at_latest.isoformat() if at_latest else None,
            "no_later_than_if_keys_prove_right": if_right.isoformat() if if_right else None,
            "member": self.proof["member"],
            "file": self.proof["file"],
            "record": self.verdict.record,
            "steps": [
                {
                    "code": step.code, "standing": step.standing, "zh": step.zh, "en": step.en, "fault": step.fault,
                    "fault_zh": step.fault_zh, "fault_en": step.fault_en,
                    "repeat": [{"zh": zh, "en": en, "command": command} for zh, en, command in repeats(step)],
                }
                for step in self.verdict.steps
            ],
            "not_proven": [{"zh": zh, "en": en} for zh, en in self.not_proven()],
            "proof": self.proof,
        }  # fmt: skip

    def html(self) -> str:
        return page.render(self.proof, self.verdict, self.not_proven(), self.made_at)

    def save(self, json_path: Path, html_path: Path) -> None:
        """Both files; mode 0600, for they hold the salt."""
        files.replace(json_path, json.dumps(self.as_dict(), ensure_ascii=False, indent=1).encode() + b"\n")
        files.replace(html_path, self.html().encode())

    def faults(self) -> list[str]:
        """What failed, by name."""
        return [step.fault or step.code for step in self.verdict.steps if step.standing == FAILED]


def make(proof: Mapping[str, Any], file: Fingerprint | None, trust: Trust) -> Report:
    """The report on a proof that `proofs.read` gave; offline."""
    return Report(proof, verify(proof, file, trust), clock.now().isoformat(timespec="seconds"))
