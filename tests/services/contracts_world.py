"""What tests of contracts share: an association, a bank, an agency, each acting by the verbs in one session."""

import copy
import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import jose
from gongxin.config import Config
from gongxin.contracts import rules, service
from gongxin.contracts.caps import service as caps
from gongxin.contracts.caps.models import FeeCap
from gongxin.contracts.caps.service import NewCap
from gongxin.contracts.commissions import levy
from gongxin.contracts.models import Contract
from gongxin.contracts.service import Terms
from gongxin.contracts.standard import service as standard
from gongxin.contracts.standard.models import ContractTemplate
from gongxin.fund.income import service as income
from gongxin.web.caller import Caller
from gongxin_wire.canonical import b64u
from tests.conftest import act_for
from tests.services.disclosure_world import World, build

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
        self.keys: dict[Any, Any] = {}
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

    def drafted(self, by: Caller | None = None, found: Terms | None = None, **more: Any) -> Contract:
        drafter = by or self.agency
        other = self.bank if drafter is self.agency else self.agency
        self.become(drafter)
        assert other.member_id is not None
        return service.draft(
            self.session, caller=drafter, template=self.code, other_id=other.member_id,
            terms=found or terms(self), **more,
        )  # fmt: skip

    def sign(self, contract: Contract, *callers: Caller, content_hash: bytes | None = None) -> Contract:
        digest = content_hash or contract.content_hash
        for caller in callers:
            if caller.client_id not in self.keys:
                self.keys[caller.client_id] = signing_key(self, caller)
            private, kid = self.keys[caller.client_id]
            self.become(caller)
            jws = detached(private, kid, rules.signed_payload(str(contract.id), digest))
            contract = service.sign(self.session, contract.id, caller=caller, jws=jws, content_hash=digest)
        return contract

    def signed(self, found: Terms | None = None, **more: Any) -> Contract:
        """Drafted by the agency, signed by both."""
        return self.sign(self.drafted(found=found, **more), self.agency, self.bank)


# --- contracts ------------------------------------------------------------------------------------------------------


def desks(session: Session, owner_engine: Engine, config: Config) -> Iterator[Desk]:
    """A desk with adopted text and a cap of 25 %, whose statements tell the fund; for a fixture to yield from."""
    levy.report_to(income.report_base)
    for world in build(owner_engine, config):
        desk = Desk(session, world)
        desk.adopted()
        desk.cap(2_500)
        yield desk


def terms(desk: Desk, rate_bp: Any = 2_000, **change: Any) -> Terms:
    values: dict[str, Any] = {
        "representatives": {"creditor": "林测", "agency": "王试"},
        "scope": {"zh": "个人消费贷款逾期案件", "en": "Overdue consumer loans"},
        "fee_model": fee_model(rate_bp), "jurisdiction": desk.place, "begins_on": TODAY,
        "ends_on": TODAY + timedelta(days=364),
        "bank": {"holder": "示范催收有限公司", "bank": "示范银行", "account_tail": "0017"},
        "contacts": {"creditor": "ops@bank.example", "agency": "ops@agency.example"},
    }  # fmt: skip
    return Terms(**(values | change))


def signing_key(desk: Desk, caller: Caller) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """A key registered for the caller's client."""
    private = ec.generate_private_key(ec.SECP256R1())
    jwk = jose.export_jwk(private.public_key())
    kid = jose.thumbprint(jwk)
    desk.world.connection.execute(
        text(
            "insert into clients (id, member_id, name, auth_method, scopes) values (:id, :member, 'desk',"
            " 'private_key_jwt', '[\"contracts.write\"]') on conflict do nothing"
        ),
        {"id": caller.client_id, "member": caller.member_id},
    )
    slot = desk.world.connection.scalar(
        text("select count(*) + 1 from client_keys where client_id = :id"), {"id": caller.client_id}
    )
    desk.world.connection.execute(
        text(
            "insert into client_keys (kid, client_id, public_jwk, slot, expires_at)"
            " values (:kid, :client, cast(:jwk as jsonb), :slot, now() + interval '1 year')"
        ),
        {"kid": kid, "client": caller.client_id, "jwk": json.dumps(jwk), "slot": slot},
    )
    return private, kid


def detached(private: ec.EllipticCurvePrivateKey, kid: str, payload: bytes, **header: Any) -> str:
    protected = b64u(json.dumps({"alg": "ES256", "kid": kid, "typ": rules.TYP} | header).encode())
    signature = jose.sign(private, "ES256", f"{protected}.{b64u(payload)}".encode())
    return f"{protected}..{b64u(signature)}"
