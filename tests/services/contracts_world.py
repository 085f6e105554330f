"""What tests of contracts share: an association, a bank, an agency, each acting by the verbs in one session."""

import copy
import itertools
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.contracts.caps import service as caps
from gongxin.contracts.caps.models import FeeCap
from gongxin.contracts.caps.service import NewCap
from gongxin.contracts.standard import service as standard
from gongxin.contracts.standard.models import ContractTemplate
from gongxin.web.caller import Caller
from tests.conftest import act_for
from tests.services.disclosure_world import World

TODAY = clock.today_in_china()
_NUMBERS = itertools.count(1)


def jurisdiction() -> str:
    """One that no other test uses: caps are everybody's."""
    return f"cn-{uuid.uuid4().hex[:8]}"


def fee_model(rate_bp: Any = 2_000, **change: Any) -> dict[str, Any]:
    return {
        "base": "recovered_principal", "method": "marginal", "clawback": {"within_days": 90, "share_bp": 10_000},
        "tiers": [{"age_from": "M1", "age_to": "M24+", "rate_bp": rate_bp}],
    } | change  # fmt: skip


@dataclass
class Desk:
    """One session, acting for whom it is told to."""

    session: Session
    world: World

    def __post_init__(self) -> None:
        self.association = self.world.member("association")
        self.bank = self.world.member("bank")
        self.agency = self.world.member("agency")
        self.place = jurisdiction()
        self.code = f"t{next(_NUMBERS)}-{uuid.uuid4().hex[:12]}"

    def become(self, caller: Caller | None) -> None:
        act_for(self.session, caller.member_id if caller else None, caller.kind if caller else "registry")

    def cap(self, rate_bp: int | None = 2_000, buckets: Any = range(1, 26), first: date = TODAY - timedelta(days=100),
            last: date | None = None, status: str = "verified", **change: Any) -> list[FeeCap]:  # fmt: skip
        self.become(self.association)
        return caps.record(
            self.session,
            [
                NewCap(
                    self.place, "agency", bucket, rate_bp, "示范协会", "2026-03 号决定", status, first, last, **change
                )
                for bucket in buckets
            ],
        )

    def content(self) -> dict[str, Any]:
        return copy.deepcopy(standard.first_content())

    def draft(self, content: dict[str, Any] | None = None) -> ContractTemplate:
        self.become(self.association)
        assert self.association.member_id is not None
        return standard.draft(
            self.session, member_id=self.association.member_id, officer="林01", code=self.code,
            content=content or self.content(),
        )  # fmt: skip

    def approve(self, template: ContractTemplate, *officers: str) -> None:
        self.become(self.association)
        assert self.association.member_id is not None
        for officer in officers:
            standard.approve(
                self.session, template.id, member_id=self.association.member_id, officer=officer,
                content_hash=template.content_hash,
            )  # fmt: skip

    def adopted(self, content: dict[str, Any] | None = None, on: date = TODAY) -> ContractTemplate:
        template = self.draft(content)
        standard.move(self.session, template.id, state="consulted")
        self.approve(template, "王02", "赵03")
        return standard.move(self.session, template.id, state="adopted", effective_on=on)
