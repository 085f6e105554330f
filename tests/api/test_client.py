"""The SDK against a registry that runs: tokens and proofs as the registry checks them, keys that rotate, members that
are suspended, answers that were altered."""

import pytest

from gongxin_client import Identifier
from gongxin_wire.identifiers import synthetic_cn_id
from tests import live as living

live = living.live
Live = living.Live


def person(number: int) -> Identifier:
    return Identifier("cn_id", synthetic_cn_id(number))


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_a_member_is_who_its_key_says(live: Live, alg: str) -> None:
    profile = live.member("bank", alg=alg, name="银行甲")
    with live.registry(profile) as bank:
        me = bank.me()
        assert (me.member_id, me.kind, me.name_zh, me.state) == (profile.member_id, "bank", "银行甲", "active")
        assert me.member_id in {member.member_id for member in bank.members(kind="bank")}
        assert bank.agreements()[0]["in_force"]
        [key] = bank.client_keys()
        assert key["kid"] == profile.key.kid


def test_tokens_come_from_the_evaluator_with_a_proof(live: Live) -> None:
    with live.registry(live.member("bank")) as bank:
        found = bank.subjects.of([person(1), person(2), person(1)])
        assert found[0] == found[2] != found[1]
        assert len(found[0][0]["token"]) == 43
        assert bank.profile.pins.subjects
