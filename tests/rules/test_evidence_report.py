"""The report for a court: what holds is shown step by step, each tampering is named, each command does what it says."""

import base64
import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rfc3161_client", reason="the locked rfc3161-client is not installed: run `make env`")

from gongxin_client import BadInput
from gongxin_client.evidencing import proofs, report
from gongxin_client.evidencing.hashing import Fingerprint, fingerprint
from gongxin_client.evidencing.verifying import ABSENT, PROVEN, STATED, Trust
from gongxin_wire import notes
from tests.rules.evidence_proofs import CONTENT, COSIGNED, INDEX, SHA256, STAMPED, Court

COURT = Court()
WHOLE, BATCH = COURT.proof(), COURT.proof(batch=True)
Change = Callable[[dict[str, Any]], Any]


def made(proof: dict[str, Any], file: Fingerprint | None = COURT.file, trust: Trust = COURT.trust) -> report.Report:
    return report.make(proof, file, trust)


def standings(found: report.Report) -> list[tuple[str, str]]:
    return [(step.code, step.standing) for step in found.verdict.steps]


# --- what holds -------------------------------------------------------------------------------------------------------


def test_a_whole_proof_is_proven_in_every_step() -> None:
    found = made(WHOLE)
    assert standings(found) == [
        (code, PROVEN) for code in ("file", "record", "log", "witness", "stamp", "custody")
    ]  # fmt: skip
    assert found.verdict.at_latest is not None
    assert int(found.verdict.at_latest.timestamp()) == min(COSIGNED, int(STAMPED.timestamp()))
    assert standings(made(BATCH)) == [
        (code, PROVEN) for code in ("file", "batch", "record", "log", "witness", "stamp")
    ]  # fmt: skip


def test_what_rests_on_keys_of_the_file_alone_is_only_stated() -> None:
    found = made(WHOLE, trust=Trust())
    assert standings(found) == [
        ("file", PROVEN), ("record", PROVEN), ("log", STATED), ("witness", STATED), ("stamp", STATED),
        ("custody", PROVEN),
    ]  # fmt: skip
    assert (found.verdict.holds, found.verdict.at_latest) == (True, None)
    assert found.verdict.if_right is not None
    assert any("stated" in en for _, en in found.not_proven())


def test_what_is_not_there_is_said_to_be_absent_and_not_proven() -> None:
    bare = copy.deepcopy(WHOLE) | {"stamps": [], "custody": [], "leaves": copy.deepcopy(WHOLE["leaves"][:1])}
    bare["keys"]["witnesses"] = []
    found = made(bare, file=None, trust=Trust(COURT.trust.log))
    assert standings(found) == [
        ("file", ABSENT), ("record", PROVEN), ("log", PROVEN), ("witness", ABSENT), ("stamp", ABSENT),
    ]  # fmt: skip
    assert (found.verdict.holds, found.verdict.at_latest) == (True, None)
    assert any("registry's word" in en for _, en in found.not_proven())


# --- what was tampered with -------------------------------------------------------------------------------------------


def leaf(change: Change, at: int = 0) -> Change:
    return lambda proof: change(proof["leaves"][at])


def put(name: str, value: Any) -> Change:
    return lambda target: target.__setitem__(name, value)


def alter_text(name: str, old: str, new: str) -> Change:
    """The first `old` of a text replaced."""

    def change(target: dict[str, Any]) -> None:
        assert old in target[name]
        target[name] = target[name].replace(old, new, 1)

    return change


def with_hash_altered(target: dict[str, Any]) -> None:
    proof = notes.parse_proof(target["proof"])
    target["proof"] = str(notes.Proof(proof.index, (b"\0" * 32, *proof.hashes[1:]), proof.checkpoint))


def with_signature_altered(at: int) -> Change:
    def change(target: dict[str, Any]) -> None:
        proof = notes.parse_proof(target["proof"])
        note = notes.parse_note(proof.checkpoint)
        lines = list(note.signatures)
        raw = bytearray(lines[at].signature)
        raw[-1] ^= 1
        lines[at] = notes.Signature(lines[at].name, lines[at].key_id, bytes(raw))
        target["proof"] = str(notes.Proof(proof.index, proof.hashes, str(notes.Note(note.text, tuple(lines)))))

    return change


def with_reply_altered(target: dict[str, Any]) -> None:
    raw = bytearray(base64.urlsafe_b64decode(target["reply"] + "=="))
    raw[-1] ^= 1
    target["reply"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")


OTHER = COURT.proof()
TAMPERED: list[tuple[str, Change, str]] = [
    ("record: a field", leaf(lambda leaf: leaf["record"].__setitem__("device", "PBX-04")), "record_altered"),
    ("record: the size", leaf(lambda leaf: leaf["record"].__setitem__("size", 1)), "size_differs"),
    ("record: the fingerprint", leaf(lambda leaf: leaf["record"].__setitem__("sha256", "0" * 64)), "file_differs"),
    ("record: a field more", leaf(lambda leaf: leaf["record"].__setitem__("x", 1)), "record_altered"),
    ("record: another member", put("member", {"member_id": "x"}), "other_member"),
    ("record: not canonical", leaf(lambda leaf: leaf["record"].__setitem__("x", float("nan"))), "unreadable"),
    ("salt", leaf(put("salt", "A" * 43)), "record_altered"),
    ("salt: shorter", leaf(put("salt", "AAAA")), "salt_altered"),
    ("salt: none", leaf(lambda leaf: leaf.pop("salt")), "unreadable"),
    ("commitment", leaf(put("commitment", "A" * 43)), "record_altered"),
    ("leaf: another's id", leaf(put("id", "0193a3c4-0000-7b10-9c3f-5a6b7c8d9e0f")), "other_leaf"),
    ("leaf: another kind", leaf(put("kind", "lookup")), "other_kind"),
    ("leaf: of another proof", lambda p: p["leaves"].__setitem__(0, copy.deepcopy(OTHER["leaves"][0])), "log_path"),
    ("log: the place", leaf(alter_text("proof", f"index {INDEX}", "index 4")), "log_path"),
    ("log: a hash of the path", leaf(with_hash_altered), "log_path"),
    ("log: no text", leaf(put("proof", "")), "log_proof_unreadable"),
    ("checkpoint: the size", leaf(alter_text("proof", "\n11\n", "\n12\n")), "checkpoint_signature"),
    ("checkpoint: the origin", leaf(alter_text("proof", "registry.example/log\n", "other.example/log\n")),
     "checkpoint_signature"),
    ("checkpoint: the signature", leaf(with_signature_altered(0)), "checkpoint_signature"),
    ("witness: the cosignature", leaf(with_signature_altered(1)), "cosignature"),
    ("witness: the key", lambda p: p["keys"]["witnesses"][0].__setitem__("vkey", "x"), "unreadable"),
    ("stamp: its bytes", lambda p: with_reply_altered(p["stamps"][0]), "stamp_signature"),
    ("stamp: the checkpoint", lambda p: p["stamps"][0].__setitem__("checkpoint", "x\n1\n"), "stamp_of_other_bytes"),
    ("stamp: another's", lambda p: p["stamps"][0].__setitem__("reply", "AAAA"), "stamp_unreadable"),
    ("stamp: the proof", lambda p: with_hash_altered(p["stamps"][0]), "log_path"),
    ("custody: a basis", lambda p: p["custody"][1].__setitem__("basis", "y"), "custody_digest"),
    ("custody: to whom", lambda p: p["custody"][1].__setitem__("to", "y"), "custody_digest"),
    ("custody: an event gone", lambda p: p["custody"].pop(1), "custody_position"),
    ("custody: the link", lambda p: p["custody"][2].__setitem__("previous", "0" * 64), "custody_previous"),
    ("custody: the leaf", leaf(lambda leaf: leaf["record"].__setitem__("basis", "y"), at=1), "record_altered"),
    ("custody: the leaf's place", leaf(with_hash_altered, at=2), "log_path"),
    ("proof: no leaves", put("leaves", []), "no_fingerprint"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "fault"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED])
def test_each_tampering_is_named(change: Change, fault: str) -> None:
    proof = copy.deepcopy(WHOLE)
    change(proof)
    found = made(proof)
    assert not found.verdict.holds
    assert fault in found.faults()
    assert "不成立" in found.html()
    assert found.as_dict()["holds"] is False


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: p["batch"].__setitem__("index", 2), "batch_path"),
        (lambda p: p["batch"].__setitem__("count", 7), "batch_count"),
        (lambda p: p["batch"]["path"].__setitem__(0, "0" * 64), "batch_path"),
        (lambda p: p["batch"].__setitem__("path", None), "unreadable"),
        (lambda p: p["leaves"][0]["record"].__setitem__("root", "0" * 64), "batch_path"),
        (lambda p: p["file"].__setitem__("sha256", "0" * 64), "batch_path"),
    ],
)
def test_each_tampering_with_a_batch_is_named(change: Change, fault: str) -> None:
    proof = copy.deepcopy(BATCH)
    change(proof)
    assert fault in made(proof).faults()


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        (Fingerprint("0" * 64, len(CONTENT)), "file_differs"),
        (Fingerprint(SHA256, 1), "size_differs"),
        (Fingerprint(SHA256, len(CONTENT), "0" * 64), "sm3_differs"),
    ],
)
def test_another_file_is_not_the_one_registered(file: Fingerprint, fault: str) -> None:
    assert made(WHOLE, file=file).faults() == [fault]


def test_a_stranger_s_log_and_authority_are_not_trusted() -> None:
    stranger = Court()
    assert set(made(WHOLE, trust=Trust(stranger.trust.log)).faults()) >= {"checkpoint_signature"}
    only_tsa = Trust(COURT.trust.log, COURT.trust.witnesses, stranger.trust.certificates)
    assert made(WHOLE, trust=only_tsa).faults() == ["stamp_signature"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "gongxin-evidence-proof-1"}', "[" * 100_000, "\xff"])
def test_what_is_no_proof_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput):
        proofs.read(tmp_path / "p.json")


# --- the files --------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Tags that are open, tags that were seen, texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("proof", [WHOLE, BATCH], ids=["file", "batch"])
def test_the_page_is_whole_fetches_nothing_and_runs_nothing(proof: dict[str, Any]) -> None:
    page = _Page()
    text = made(proof).html()
    page.feed(text)
    assert page.open == []
    assert page.seen.isdisjoint({"script", "img", "link", "iframe", "object", "form"})
    assert page.links == []
    assert "url(" not in text
    assert "华宁银行 &lt;北&gt;" in text
    assert "通话 &lt;3&gt;.mp3" in text


def test_the_json_says_what_the_page_says(tmp_path: Path) -> None:
    found = made(WHOLE)
    found.save(tmp_path / "r.json", tmp_path / "r.html")
    told = json.loads((tmp_path / "r.json").read_text("utf-8"))
    page = (tmp_path / "r.html").read_text("utf-8")
    assert [step["standing"] for step in told["steps"]] == [PROVEN] * 6
    assert told["proof"] == WHOLE
    for step in told["steps"]:
        assert step["zh"] in page
        assert step["repeat"]
    assert {entry["en"] for entry in told["not_proven"]} == {en for _, en in found.not_proven()}
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == 0o600


TOOLS = all(shutil.which(tool) for tool in ("bash", "sha256sum", "openssl", "xxd", "base64"))


@pytest.mark.skipif(not TOOLS, reason="sha256sum, openssl, xxd or base64 is not on this machine")
@pytest.mark.parametrize("proof", [WHOLE, BATCH], ids=["file", "batch"])
def test_every_command_of_the_report_does_what_it_says(proof: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "通话 <3>.mp3").write_bytes(CONTENT)
    (tmp_path / "ca.pem").write_bytes(COURT.authority.pem)
    ran = 0
    for step in made(proof).as_dict()["steps"]:
        for entry in step["repeat"]:
            if "sm3" in entry["command"]:
                continue  # the SM3 of these tests is made up
            done = subprocess.run(
                ["bash", "-e"], input=entry["command"], cwd=tmp_path, capture_output=True, text=True, timeout=30
            )
            assert done.returncode == 0, (entry["command"], done.stderr)
            for wanted in re.findall(r"\b[0-9a-f]{64}\b", entry["en"]):
                assert wanted in done.stdout, entry
            for wanted in ("Signature Verified Successfully", "Verification: OK"):
                if wanted in entry["en"]:
                    assert wanted in done.stdout + done.stderr
            ran += 1
    assert ran >= 8


# --- hashing ----------------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_that_of_public_tools(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    found = fingerprint(path, sm3=True)
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    # GB/T 32905-2016, appendix A.1
    assert found.sm3 == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * (3 << 20))

    def grow(_count: int) -> None:
        with open(path, "ab") as more:
            more.write(b"y")

    with pytest.raises(BadInput) as refused:
        fingerprint(path, progress=grow)
    assert refused.value.code == "file_changed"
    with pytest.raises(BadInput) as missing:
        fingerprint(tmp_path / "none")
    assert missing.value.code == "file_not_read"
