"""From an answer to a court years later: the receipt, its leaf, the log, the witnesses, the stamp; by the SDK and its
command line against a registry that runs, then without any network."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("rfc3161_client", reason="the locked rfc3161-client is not installed: run `make env`")

from gongxin.db import transaction
from gongxin.transparency import erasing, service, stamps
from gongxin_client import Answer, Identifier, Registry, keys, profile
from gongxin_client.cli import main
from gongxin_client.errors import VerificationFailed
from gongxin_client.proofs import Trust, fetch, keep, leaf_of, read_trust, verify_receipt
from gongxin_client.receipts import verify_offline
from gongxin_demo.authority import Authority
from gongxin_demo.authority import serving as authority_serving
from gongxin_wire import notes
from gongxin_wire.canonical import b64u, canonical
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.witness_world import ALWAYS_NEWEST, witness
from tests.live import Live, serving


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def live(server: str, worker_id: str, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("tsa") / "root.pem"
    root.write_bytes(authority.pem)
    with (
        authority_serving(authority) as url,
        serving(server, worker_id, **ALWAYS_NEWEST, tsa_url=url, tsa_certificate=root) as found,
    ):
        yield found


@pytest.fixture
def bank(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("bank")) as found:
        yield found


def sequence(live: Live) -> None:
    with transaction(live.engine) as session:
        service.sequence(session, live.config)


def asked(bank: Registry, number: int = 4_711) -> Answer:
    who = Identifier("cn_id", synthetic_cn_id(number))
    case = bank.register_case(f"P{uuid.uuid4().hex}", who, opened_on=date(2026, 1, 5))
    return bank.lookup(who, purpose="placement", case_id=case.case_id)


@pytest.fixture
def kept(live: Live, bank: Registry, tmp_path: Path) -> dict[str, Any]:
    """A receipt and its proof, witnessed by two members and stamped; and what a court would be given to check them."""
    answer = asked(bank)
    sequence(live)
    vkeys = []
    for name, kind in (("a", "bank"), ("b", "agency")):
        with live.registry(live.member(kind)) as member:
            cosigner = witness(member, tmp_path, name)
            vkeys.append(str(cosigner.register()))
            cosigner.once()
    stamps.stamp(live.engine, live.config)
    receipt = tmp_path / "receipt.json"
    answer.evidence.save(receipt)
    proof = keep(bank, receipt)
    return {
        "receipt": receipt, "proof": proof, "witnesses": vkeys, "log": list(bank.profile.pins.log.values()),
        "keys": dict(bank.profile.pins.receipts), "answer": answer,
    }  # fmt: skip


def trust_of(kept: dict[str, Any], authority: Authority) -> Trust:
    return read_trust(kept["log"], kept["witnesses"], 2, authority.pem)


def test_an_answer_is_proven_offline_from_receipt_to_stamp(kept: dict[str, Any], authority: Authority) -> None:
    trust = trust_of(kept, authority)
    verdict, found = verify_receipt(kept["receipt"], kept["proof"], keys=kept["keys"], trust=trust)
    assert kept["proof"].name == "receipt.proof.txt"
    assert verdict.receipt.lookup_id == kept["answer"].lookup_id
    assert len(found.witnessed) == 2
    assert found.stamp is not None
    assert found.stamp.time >= verdict.receipt.as_of.replace(microsecond=0)
    assert found.record is not None
    assert found.record["lookup_id"] == verdict.receipt.lookup_id
    assert found.claimed == ()


def test_each_altered_part_of_the_chain_is_named(kept: dict[str, Any], authority: Authority, tmp_path: Path) -> None:
    trust, text = trust_of(kept, authority), kept["proof"].read_text("utf-8")
    proof = notes.parse_proof(text)
    extra = json.loads(proof.extra or b"")
    note = notes.parse_note(proof.checkpoint)
    body = json.loads(kept["receipt"].read_text("utf-8"))

    def extras(**change: Any) -> str:
        return str(replace(proof, extra=canonical(extra | change)))

    other = {**extra["opening"], "record": {**extra["opening"]["record"], "policy_version": 9}}
    unwitnessed = notes.Note(note.text, note.signatures[:2])
    altered: list[tuple[str, str]] = [
        ("proof_unreadable", text.replace("index", "andex", 1)),
        ("leaf_not_included", str(replace(proof, index=proof.index + 1))),
        ("checkpoint_not_signed", text.replace(f"\n{note.text.split()[1]}\n", "\n99\n")),
        ("bad_cosignature", text[:-10] + ("AAAA" if text[-10:-6] != "AAAA" else "BBBB") + text[-6:]),
        ("too_few_witnesses", str(replace(proof, checkpoint=str(unwitnessed)))),
        ("opening_does_not_hold", extras(opening=other)),
        ("opening_does_not_hold", extras(opening={**extra["opening"], "salt": b64u(bytes(32))})),
        ("stamp_of_other_bytes", extras(stamp=b64u(authority.reply(_query(b"other"))))),
        ("stamp_signature", extras(stamp=b64u(Authority().reply(_query(_signed(note)))))),
    ]
    for code, content in altered:
        (tmp_path / "altered.txt").write_text(content, "utf-8")
        with pytest.raises(VerificationFailed) as caught:
            verify_receipt(kept["receipt"], tmp_path / "altered.txt", keys=kept["keys"], trust=trust)
        assert caught.value.code == code
    head, payload, signature = body["reply"]["receipt"].split(".")
    for code, reply in (
        ("other_answer", body["reply"] | {"answers": [{**body["reply"]["answers"][0], "result": "no_ground"}]}),
        ("bad_signature", body["reply"] | {"receipt": f"{head}.{payload}.{signature[:-4]}AAAA"}),
    ):
        (tmp_path / "altered.json").write_text(json.dumps(body | {"reply": reply}))
        with pytest.raises(VerificationFailed) as caught:
            verify_receipt(tmp_path / "altered.json", kept["proof"], keys=kept["keys"], trust=trust)
        assert caught.value.code == code


def _query(data: bytes) -> bytes:
    from gongxin_wire.stamps import query

    return query(data).raw


def _signed(note: notes.Note) -> bytes:
    return str(notes.Note(note.text, note.signatures[:1])).encode()


def test_a_proof_of_another_receipt_is_refused(
    live: Live, bank: Registry, kept: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    answer = asked(bank, 8_150)
    sequence(live)
    answer.evidence.save(tmp_path / "second.json")
    second = keep(bank, tmp_path / "second.json")
    with pytest.raises(VerificationFailed, match="leaf_not_included"):
        verify_receipt(kept["receipt"], second, keys=kept["keys"], trust=trust_of(kept, authority))


def test_a_proof_fetched_before_the_stamp_is_fetched_again_after_it(
    live: Live, bank: Registry, authority: Authority, tmp_path: Path
) -> None:
    answer = asked(bank)
    sequence(live)
    file = tmp_path / "receipt.json"
    answer.evidence.save(file)
    trust = Trust(bank.log_keys(), authorities=[authority.root])
    early = verify_receipt(file, keep(bank, file), keys=bank.profile.pins.receipts, trust=trust)[1]
    assert early.stamp is None
    stamps.stamp(live.engine, live.config)
    late = verify_receipt(file, keep(bank, file), keys=bank.profile.pins.receipts, trust=trust)[1]
    assert late.stamp is not None


def test_a_promise_that_the_log_does_not_keep_is_named(bank: Registry, tmp_path: Path) -> None:
    answer = asked(bank)  # and nothing integrates its leaf
    answer.evidence.save(tmp_path / "receipt.json")
    leaf = leaf_of(verify_offline(tmp_path / "receipt.json", keys=bank.profile.pins.receipts).receipt)
    with pytest.raises(VerificationFailed, match="promise_not_kept"):
        fetch(bank, leaf, wait_seconds=0.3)
    with pytest.raises(VerificationFailed, match="promise_not_kept"):
        fetch(bank, replace(leaf, leaf_id="0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b"), wait_seconds=0)


def test_who_is_not_the_owner_gets_the_proof_without_the_opening(live: Live, bank: Registry, tmp_path: Path) -> None:
    answer = asked(bank)
    sequence(live)
    answer.evidence.save(tmp_path / "receipt.json")
    leaf = leaf_of(verify_offline(tmp_path / "receipt.json", keys=bank.profile.pins.receipts).receipt)
    with live.registry(live.member("agency")) as other:
        assert "opening" not in json.loads(notes.parse_proof(fetch(other, leaf)).extra or b"")
    with live.registry(live.member("agency", scopes=["members.read"])) as unscoped:
        assert "opening" not in json.loads(notes.parse_proof(fetch(unscoped, leaf)).extra or b"")
    assert "opening" in json.loads(notes.parse_proof(fetch(bank, leaf)).extra or b"")


def test_what_is_erased_is_no_longer_opened_and_stays_in_its_place(
    live: Live, bank: Registry, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    first, second = asked(bank, 1_001), asked(bank, 1_002)
    sequence(live)
    first.evidence.save(file)
    second.evidence.save(tmp_path / "second.json")
    early = keep(bank, file, tmp_path / "early.txt")
    with transaction(live.engine) as session:
        erasing.erase(session, uuid.UUID(first.lookup_id), ground="（2026）沪0115行审1号", because="ordered")
    sequence(live)
    late = keep(bank, file, tmp_path / "late.txt")
    keys_, trust = bank.profile.pins.receipts, Trust(bank.log_keys())
    assert verify_receipt(file, early, keys=keys_, trust=trust)[1].record is not None
    assert verify_receipt(file, late, keys=keys_, trust=trust)[1].record is None
    other = keep(bank, tmp_path / "second.json")
    assert verify_receipt(tmp_path / "second.json", other, keys=keys_, trust=trust)[1].record is not None


# --- the command line -------------------------------------------------------------------------------------------------


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_the_command_line_proves_and_verifies(
    live: Live, bank: Registry, kept: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    keys.save(bank.profile.key, tmp_path / "bank.pem")
    profile.write(replace(bank.profile, key_path=tmp_path / "bank.pem"), tmp_path / "bank.toml")
    (tmp_path / "tsa.pem").write_bytes(authority.pem)
    at = ("--profile", str(tmp_path / "bank.toml"))
    done = run("prove", str(kept["receipt"]), *at, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["proof"].endswith("receipt.proof.txt")
    verify = ["verify", str(kept["receipt"]), "--proof", str(kept["proof"]), *at, "--quorum", "2",
              "--tsa-certificate", str(tmp_path / "tsa.pem")]  # fmt: skip
    cosigners = [word for vkey in kept["witnesses"] for word in ("--witness", vkey)]
    held = run(*verify, *cosigners)
    assert held.exit_code == 0, held.output
    assert "见证方" in held.output
    assert "No later than" in held.output
    few = run(*verify, *cosigners[:2])
    assert few.exit_code == 5
    assert "too_few_witnesses" in few.output
    bare = run("verify", str(kept["receipt"]), "--proof", str(kept["proof"]), *at, "--json")
    assert bare.exit_code == 0, bare.output
    told = json.loads(bare.output)
    assert any("not checked" in each for each in told["not_proven"])
    assert told["log"]["size"] > told["log"]["index"]
    assert told["log"]["stamped_at"] is None
    wrong = run(*verify, "--log-key", "nonsense")
    assert wrong.exit_code == 2


def test_the_command_line_witnesses(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member = live.member("mediator")
    keys.save(member.key, tmp_path / "member.pem")
    profile.write(replace(member, key_path=tmp_path / "member.pem"), tmp_path / "gongxin-member.toml")
    monkeypatch.chdir(tmp_path)
    unknown = run("witness", "once")
    assert unknown.exit_code == 2
    made = run("witness", "key", "--json")
    assert made.exit_code == 0, made.output
    assert run("witness", "key").exit_code == 0
    sequence(live)
    done = run("witness", "once")
    assert done.exit_code == 0, done.output
    assert "signed" in done.output
    assert "nothing new" in run("witness", "once").output
    status = json.loads(run("witness", "status", "--json").output)
    assert status["signed"] == status["posted"] is not None
    assert status["halted"] is None
    assert run("witness", "resume").exit_code == 0
    entries = {entry["vkey"]: entry for entry in _witnesses(live, member)}
    assert entries[json.loads(made.output)["vkey"]]["last_size"] == status["signed"]


@pytest.mark.skipif(os.name != "posix", reason="ends by signal")
def test_a_witness_that_runs_ends_quietly_when_it_is_told_to(live: Live, tmp_path: Path) -> None:
    member = live.member("bank")
    keys.save(member.key, tmp_path / "member.pem")
    profile.write(replace(member, key_path=tmp_path / "member.pem"), tmp_path / "gongxin-member.toml")
    command = [sys.executable, "-m", "gongxin_client", "witness"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path)}
    subprocess.run([*command, "key"], cwd=tmp_path, env=environ, check=True, capture_output=True)
    running = subprocess.Popen(
        [*command, "run", "--every", "1", "--json"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    rounds = [json.loads(running.stdout.readline())["outcome"] for _ in range(2)]
    running.terminate()
    assert running.wait(20) == 0
    assert rounds == ["signed", "nothing_new"]


def _witnesses(live: Live, member: profile.Profile) -> list[dict[str, Any]]:
    with live.registry(member) as registry:
        found: list[dict[str, Any]] = registry.connection.read("GET", "/v1/log/witnesses", scope=None)["items"]
        return found
