"""The day: who does what, step by step, and what came back. Each step checks what it shows."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gongxin_client import Answer, Identifier, Registry
from gongxin_client.receipts import Evidence

from . import people, words
from .members import Admitted
from .screen import Said, Screen, expect
from .town import Town


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer with its receipt, as its asker keeps it."""

    asker: Admitted
    purpose: str
    told: str
    path: Path
    evidence: Evidence = field(repr=False)


@dataclass
class Day:
    """The town, everybody's software, and the receipts of the day."""

    town: Town
    screen: Screen
    software: dict[str, Registry]
    kept: list[Kept] = field(default_factory=list)
    case_ids: dict[str, str] = field(default_factory=dict)
    witnesses: list[str] = field(default_factory=list)
    """Their public keys, as the witnesses themselves tell them."""
    fund: dict[str, str] = field(default_factory=dict)
    """What the fund's acts made, for the bank's."""
    last_leaf: str = ""
    """The newest leaf of the day that somebody was promised."""
    erased_salt: bytes = b""

    @property
    def debtor(self) -> Identifier:
        return Identifier("cn_id", self.town.cast.debtor)

    @property
    def bystander(self) -> Identifier:
        return Identifier("cn_id", self.town.cast.bystander)

    def name(self, slug: str) -> str:
        institution = self.town.members[slug].institution
        return f"{institution.name_zh} {institution.name_en}"

    def member_id(self, slug: str) -> str:
        return self.town.members[slug].member_id

    def ask(
        self,
        slug: str,
        says: Said,
        subject: Identifier,
        purpose: str,
        *,
        case_id: str | None = None,
        reference: str | None = None,
    ) -> Answer:
        """A look-up by this member's software, which has verified the receipt before it hands the answer out."""
        found = self.software[slug].lookup(subject, purpose=purpose, case_id=case_id, reference=reference)
        zh, en = words.answer(found)
        says(f"答复：{zh}", f"answer: {en}")
        self.keep(slug, purpose, words.short(found), found.lookup_id, found.evidence)
        says(f"回执已核对并保存（{found.lookup_id[-12:]}）", "receipt verified and kept")
        return found

    def public(self, path: str) -> bytes:
        """What anyone reads there, without a token."""
        with httpx.Client(base_url=self.town.registry.address, timeout=30) as anyone:
            answer = anyone.get(path)
        expect(answer.status_code == 200, f"{path} {answer.status_code}", "it was not answered")
        return answer.content

    def type(self, slug: str, *arguments: str) -> dict[str, Any]:
        """What `gongxin-member ARGUMENTS` answers to this member, in a process of its own."""
        profile = self.town.members[slug].profile
        done = subprocess.run(
            [sys.executable, "-m", "gongxin_client", *arguments, "--profile", str(profile), "--json"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        expect(done.returncode == 0, done.stdout + done.stderr, "the command failed")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def keep(self, slug: str, purpose: str, told: str, lookup_id: str, evidence: Evidence) -> None:
        path = self.town.folder / "receipts" / f"day-{self.town.cast.day}" / f"{len(self.kept) + 1:02d}-{slug}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        evidence.save(path)
        self.last_leaf = lookup_id
        self.kept.append(Kept(self.town.members[slug], purpose, told, path, evidence))

    def case_id(self, slug: str, creditor_ref: str) -> str:
        """The registry's id of a bank's own case."""
        if creditor_ref not in self.case_ids:
            found = self.software[slug].find_case(creditor_ref)
            expect(found is not None, f"查无案件 {creditor_ref}", "the case is not there")
            self.case_ids[creditor_ref] = found.case_id if found is not None else ""
        return self.case_ids[creditor_ref]


def play_day(town: Town, screen: Screen) -> None:
    """Raises StepFailed, or the SDK's error, at the first step that is not done."""
    from . import (
        acts,
        agents_acts,
        bank_acts,
        blacklist_acts,
        contracts_acts,
        court,
        erasure,
        fund_acts,
        logbook,
        proof,
    )

    with ExitStack() as stack:
        software = {
            slug: stack.enter_context(Registry.from_profile(member.profile, environ={}))
            for slug, member in town.members.items()
        }
        day = Day(town, screen, software)
        for act in (
            *acts.ACTS, *fund_acts.ACTS, *bank_acts.ACTS, *agents_acts.ACTS, *blacklist_acts.ACTS,
            court.a_recording_is_registered, contracts_acts.a_contract_is_made, *logbook.ACTS,
            court.the_recording_is_proven, *erasure.ACTS, *proof.ACTS,
        ):  # fmt: skip
            act(day)
            town.registry.check()
    table = [
        [
            kept.asker.institution.name_zh,
            words.PURPOSES[kept.purpose],
            kept.told,
            kept.evidence.reply["lookup_id"][-12:],
        ]
        for kept in day.kept
    ]
    screen.table("今日答复", "the answers of the day", ["谁问 who", "用途 why", "答复 answer", "回执 receipt"], table)
    screen.note(f"{screen.done} 步全部完成 ✓", f"all {screen.done} steps are done")


def say_how_to_try(town: Town, screen: Screen) -> None:
    """The API stays up: where, and what to type."""
    address = town.registry.address
    profile = town.members["chenyu"].profile
    screen.chapter("接口保持开放", "the API stays up")
    screen.note(f"地址 {address}", f"documentation {address}/docs")
    screen.note("打开网页，每个链接可登录一次：", "open the pages; each link signs in once:")
    for part, link in people.links(town):
        screen.line(f"    {part.does_zh} {part.does_en}")
        screen.line(f"      {link}")
    screen.line(f"    公开查验，无需登录 the public check, without signing in\n      {town.config.pages_at}/check")
    screen.note("以晨雨示例机构的身份试用：", "try it as Morning Rain Demo Agency, in another terminal:")
    receipt = Path(os.path.relpath(next(profile.parents[2].glob("receipts/day-*/01-*.json"))))
    for line in (
        f"export GONGXIN_MEMBER_PROFILE={os.path.relpath(profile)}",
        ".venv/bin/gongxin-member lookups --last 5",
        f".venv/bin/gongxin-member verify {receipt}",
        ".venv/bin/gongxin-member --help",
    ):
        screen.line(f"    {line}")
    screen.note(f"其他会员的配置在 {os.path.relpath(profile.parents[1])}", "profiles of the other members are there")
    screen.note("按 Ctrl-C 停止一切。", "Ctrl-C stops everything.")
