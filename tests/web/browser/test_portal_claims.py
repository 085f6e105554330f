"""Claims at the portal in a real browser: the form, its refusal, the claim."""

import pytest

from tests.services.portal_world import Portal, somebody

from .conftest import Windows
from .test_portal import LOOKS


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_a_claim_is_filed_and_looks_right(windows: Windows, language: str, width: int, dark: bool) -> None:
    portal = Portal(windows.town.engine, windows.town.config)
    house = portal.house("agency")
    clerk = windows.window(portal.person(house), "portal", language=language, width=width, dark=dark)
    look = f"{language}-{width}{'-dark' if dark else ''}"
    page = clerk.go("/portal/claims/new?fund=STAFF")
    clerk.check(f"portal-claim-staff-{look}")
    page = clerk.go("/portal/claims/new")
    clerk.check(f"portal-claim-new-{look}")
    page.select_option("[name=cause]", "medical")
    page.select_option("[name=payee_kind]", "hospital")
    number = somebody()
    page.fill("#f-number", number)
    account = f"99{abs(hash(number)) % 10**14:014d}"
    for name, value in {
        "region": "990102", "asked_fen": "8000", "holder": "测试医院", "account": account,
        "bank_code": "102100099996", "bank_name": "测试银行", "means_sha256": "01" * 32, "evidence_sha256": "02" * 32,
    }.items():  # fmt: skip
        page.fill(f"[name={name}]", value)
    page.check("[name=unrelated]")
    page.click("[data-send]")
    page.wait_for_url("**/portal/claims/*-*")
    assert number not in page.content()
    assert account not in page.content()
    clerk.check(f"portal-claim-{look}")
