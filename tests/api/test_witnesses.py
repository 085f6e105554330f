"""Witnesses over HTTP: members cosign what the log shows, and nothing that does not continue what they saw."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gongxin_client import Registry, files
from gongxin_client.errors import BadInput, ClientError, NotConnected, Refused, VerificationFailed
from gongxin_client.heads import SplitView, Store
from gongxin_client.witness import Witness, check_evidence, possession
from gongxin_wire import merkle, notes
from tests.api.witness_world import ALWAYS_NEWEST, Forked, grow, size_of, witness
from tests.live import Live, serving


@pytest.fixture(scope="module")
def live(server: str, worker_id: str) -> Iterator[Live]:
    with serving(server, worker_id, **ALWAYS_NEWEST) as found:
        yield found


@pytest.fixture
def bank(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("bank")) as found:
        yield found


@pytest.fixture
def agency(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("agency")) as found:
        yield found


def shown(live: Live, path: str = "/log/checkpoint") -> notes.Note:
    return notes.parse_note(httpx.get(live.url + path, trust_env=False).raise_for_status().text)


def refused(call: object, status: int, code: str) -> None:
    with pytest.raises(Refused) as caught:
        call()  # type: ignore[operator]
    assert (caught.value.status, caught.value.code) == (status, code)


def test_a_member_cosigns_and_everyone_sees_it(live: Live, bank: Registry, agency: Registry, tmp_path: Path) -> None:
    grow(live, 3)
    first, second = witness(bank, tmp_path, "a"), witness(agency, tmp_path, "b")
    one, two = first.register(), second.register()
    done = first.once()
    assert (done.outcome, done.size, done.quorum) == ("signed", size_of(live), 2)
    assert second.once().cosigned_by == (one.name, two.name)
    note = shown(live)
    assert set(notes.witnesses(note, [one, two])) == {one.name, two.name}
    listed = {entry.vkey: entry for entry in bank.witnesses()}
    assert listed[str(one)].last_size == done.size
    assert listed[str(one)].member_id == bank.member_id()
    quorum = httpx.get(f"{live.url}/v1/log/witnesses", trust_env=False).json()
    assert (quorum["quorum"], quorum["quorum_size"], quorum["late"]) == (2, done.size, False)
    assert set(notes.witnesses(notes.parse_note(quorum["quorum_note"]), [one, two])) == {one.name, two.name}


def test_a_proof_carries_the_cosignatures_of_its_checkpoint(live: Live, bank: Registry, tmp_path: Path) -> None:
    (promise,) = grow(live)
    cosigner = witness(bank, tmp_path)
    key = cosigner.register()
    done = cosigner.once()
    for proof in (bank.proof(str(promise.leaf_id), size=done.size), bank.proof(str(promise.leaf_id))):
        assert key.name in notes.witnesses(notes.parse_note(proof.checkpoint), [key])


def test_a_second_round_signs_nothing_again_and_a_longer_log_is_signed(
    live: Live, bank: Registry, tmp_path: Path
) -> None:
    cosigner = witness(bank, tmp_path)
    cosigner.register()
    grow(live)
    before = cosigner.once()
    assert cosigner.once().outcome == "nothing_new"
    grow(live, 300)
    after = cosigner.once()
    assert after.outcome == "signed"
    assert after.size == size_of(live) > before.size


def test_a_cut_before_the_cosignature_arrived_is_made_good_in_the_next_round(
    live: Live, bank: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosigner = witness(bank, tmp_path)
    cosigner.register()
    grow(live)

    def cut(_note: str) -> None:
        raise NotConnected("no_answer", "", "")

    monkeypatch.setattr(bank, "post_cosignature", cut)
    with pytest.raises(NotConnected):
        cosigner.once()
    kept = cosigner.store.read()
    assert kept.signed is not None
    assert kept.posted < kept.signed.size
    monkeypatch.undo()
    assert cosigner.once().outcome == "signed"
    assert cosigner.store.read().posted == kept.signed.size


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_cut_at_any_write_of_a_round_leaves_nothing_signed_that_is_not_remembered(
    live: Live, bank: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int, after: bool
) -> None:
    """A round writes twice: before the signature leaves, and once it has arrived."""
    cosigner = witness(bank, tmp_path)
    cosigner.register()
    grow(live)
    done, left = files.replace, [cut]
    posted: list[str] = []
    post = bank.post_cosignature

    def cut_off(path: Path, data: bytes) -> None:
        left[0] -= 1
        if left[0] == 0 and not after:
            raise KeyboardInterrupt
        done(path, data)
        if left[0] == 0:
            raise KeyboardInterrupt

    def noted(note: str) -> dict[str, object]:
        posted.append(note)
        return post(note)

    monkeypatch.setattr(files, "replace", cut_off)
    monkeypatch.setattr(bank, "post_cosignature", noted)
    with pytest.raises(KeyboardInterrupt):
        cosigner.once()
    monkeypatch.setattr(files, "replace", done)
    kept = cosigner.store.read()
    size = size_of(live)
    assert len(posted) == (cut == 2)
    assert (kept.signed is not None and kept.signed.size == size) == (cut == 2 or after)
    again = cosigner.once()
    assert again.size == size
    assert again.outcome == ("nothing_new" if cut == 2 and after else "signed")
    assert cosigner.store.read().posted == size


def test_a_cosignature_handed_in_twice_is_one(live: Live, bank: Registry, tmp_path: Path) -> None:
    cosigner = witness(bank, tmp_path)
    key = cosigner.register()
    grow(live)
    done = cosigner.once()
    note = shown(live, "/log/round")
    text = notes.Note(note.text, (notes.cosign(note.text, key.name, cosigner._private, 1_700_000_000),))
    assert bank.post_cosignature(str(text))["size"] == done.size
    lines = [line for line in shown(live, "/log/round").signatures if line.name == key.name]
    assert len(lines) == 1


# --- against a log that lies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [0, 1])
def test_a_split_view_is_refused_kept_reported_and_halts_the_witness(live: Live, tmp_path: Path, back: int) -> None:
    network = Forked(live)
    with Registry(live.member("bank"), transport=network) as victim:
        grow(live, 5)
        cosigner = witness(victim, tmp_path)
        cosigner.register()
        signed = cosigner.once()
        network.fork(signed.size - 1, 1 + back)
        before = cosigner.store.read()
        with pytest.raises(SplitView) as caught:
            cosigner.once()
        assert caught.value.exit_code == 5
        assert caught.value.reported
        assert caught.value.evidence is not None
        vkeys = [str(key) for key in victim.log_keys()]
        assert check_evidence(caught.value.evidence, vkeys) == caught.value.split
        after = cosigner.store.read()
        assert (after.seen, after.signed) == (before.seen, before.signed)
        assert after.halted == caught.value.evidence.name
        network.leaves = []
        with pytest.raises(VerificationFailed, match="witness_halted"):
            cosigner.once()
        cosigner.resume()
        assert cosigner.once().outcome == "nothing_new"
        association = live.registry(live.member("association"))
        found = association.connection.read("GET", "/v1/log/reports", scope="log.witness")["items"]
        mine = [each for each in found if each["member_id"] == victim.member_id()]
        assert [each["kind"] for each in mine] == ["fork"]
        assert victim.report_split(caught.value.split)["report_id"] == mine[0]["report_id"]
        association.close()


def test_a_fork_whose_tiles_are_hidden_is_not_signed_and_is_reported_as_unexplained(live: Live, tmp_path: Path) -> None:
    network = Forked(live)
    with Registry(live.member("bank"), transport=network) as victim:
        grow(live, 5)
        cosigner = witness(victim, tmp_path)
        cosigner.register()
        signed = cosigner.once()
        network.fork(signed.size - 1, 3)
        grow(live, 5)
        network.hide_tiles = True
        with pytest.raises(SplitView, match="heads_unexplained") as caught:
            cosigner.once()
        assert caught.value.reported
        network.leaves = []
        assert cosigner.once().outcome in {"signed", "nothing_new"}


def test_a_head_whose_tiles_the_log_does_not_serve_is_not_signed_and_is_reported(live: Live, tmp_path: Path) -> None:
    network = Forked(live)
    with Registry(live.member("bank"), transport=network) as victim:
        grow(live, 5)
        cosigner = witness(victim, tmp_path)
        cosigner.register()
        signed = cosigner.once()
        network.fork(signed.size, 400)
        network.hide_tiles = True
        with pytest.raises(SplitView, match="heads_unexplained") as caught:
            cosigner.once()
        assert caught.value.reported
        assert cosigner.store.read().halted is None


def test_a_head_that_the_log_did_not_sign_is_not_even_looked_at(live: Live, tmp_path: Path) -> None:
    class Altered(Forked):
        def note(self) -> str:
            return super().note().replace("\n5\n", "\n6\n", 1)

    network = Altered(live)
    with Registry(live.member("bank"), transport=network) as victim:
        cosigner = witness(victim, tmp_path)
        cosigner.register()
        before = cosigner.store.read()
        network.fork(0, 5)
        with pytest.raises(VerificationFailed, match="not_signed_by_log"):
            cosigner.once()
        assert cosigner.store.read() == before


def test_a_memory_older_than_what_was_signed_is_noticed_and_taken_back_only_on_purpose(
    live: Live, bank: Registry, tmp_path: Path
) -> None:
    cosigner = witness(bank, tmp_path)
    cosigner.register()
    backup = cosigner.store.path.read_bytes()
    grow(live)
    done = cosigner.once()
    cosigner.store.path.write_bytes(backup)
    with pytest.raises(VerificationFailed, match="witness_rolled_back"):
        cosigner.once()
    cosigner.store.path.unlink()
    with pytest.raises(BadInput, match="witness_unknown"):
        cosigner.once()
    with pytest.raises(VerificationFailed, match="witness_rolled_back"):
        cosigner.register()
    cosigner.register(adopt=True)
    kept = cosigner.store.read()
    assert kept.signed is not None
    assert kept.signed.size == kept.posted == done.size


# --- what the registry takes ------------------------------------------------------------------------------------------


def test_nobody_registers_anothers_key_or_name(live: Live, bank: Registry, agency: Registry, tmp_path: Path) -> None:
    theirs = witness(bank, tmp_path, "a")
    key = theirs.register()
    mine = witness(agency, tmp_path, "b")
    copied = notes.VerifierKey(mine.default_name(), key.public, notes.COSIGNATURE)
    message = possession(live.url, agency.member_id(), str(copied))
    refused(lambda: agency.register_witness(str(copied), mine._private.sign(message)), 422, "possession_not_shown")
    named = mine.vkey(theirs.default_name())
    message = possession(live.url, agency.member_id(), str(named))
    refused(lambda: agency.register_witness(str(named), mine._private.sign(message)), 422, "witness_name")
    with pytest.raises(Refused) as caught:
        Witness(agency, replace_private(theirs), Store(tmp_path / "c.json")).register()
    assert caught.value.code == "witness_key_used"


def replace_private(of: Witness) -> object:
    from gongxin_client.keys import signing_key

    return signing_key(of._private)


def test_a_new_key_retires_the_one_before_and_what_it_signed_stays(live: Live, bank: Registry, tmp_path: Path) -> None:
    grow(live)
    old, new = witness(bank, tmp_path, "old"), witness(bank, tmp_path, "new")
    first = old.register()
    done = old.once()
    second = new.register()
    entries = {entry.vkey: entry for entry in bank.witnesses()}
    assert (entries[str(first)].active, entries[str(second)].active) == (False, True)
    assert entries[str(first)].last_size == done.size
    with pytest.raises(Refused) as caught:
        old.register()
    assert caught.value.code == "witness_key_used"


def test_a_member_retires_its_own_witness_alone(live: Live, bank: Registry, agency: Registry, tmp_path: Path) -> None:
    cosigner = witness(bank, tmp_path)
    key = cosigner.register()
    entry = next(entry for entry in bank.witnesses() if entry.vkey == str(key))
    path = f"/v1/log/witnesses/{entry.witness_id}/retirement"
    refused(lambda: agency.connection.read("POST", path, scope="log.witness"), 404, "witness_not_found")
    assert bank.connection.read("POST", path, scope="log.witness")["active"] is False
    assert bank.connection.read("POST", path, scope="log.witness")["active"] is False
    grow(live)
    with pytest.raises(Refused) as caught:
        cosigner.once()
    assert caught.value.code == "no_witness_key"


@pytest.mark.parametrize(
    ("alter", "status", "code"),
    [
        (lambda note, mine: "nothing", 422, "not_a_note"),
        (lambda note, mine: str(notes.Note(note.text, note.signatures[:1])), 422, "bad_cosignature"),
        (lambda note, mine: str(note).replace(f"\n{note.text.splitlines()[1]}\n", "\n999999\n"), 409,
         "checkpoint_not_ours"),
        (lambda note, mine: str(notes.Note(note.text, (replace(mine, signature=mine.signature[:-1] + b"x"),))), 422,
         "bad_cosignature"),
        (lambda note, mine: str(notes.Note(note.text, (replace(mine, signature=bytes(72)),))), 422, "bad_cosignature"),
    ],
)  # fmt: skip
def test_a_cosignature_that_does_not_hold_is_not_stored(
    live: Live, bank: Registry, tmp_path: Path, alter: object, status: int, code: str
) -> None:
    cosigner = witness(bank, tmp_path)
    key = cosigner.register()
    note = shown(live, "/log/round")
    mine = notes.cosign(note.text, key.name, cosigner._private, 1_790_000_000)
    refused(lambda: bank.post_cosignature(alter(note, mine)), status, code)  # type: ignore[operator]
    assert next(entry for entry in bank.witnesses() if entry.vkey == str(key)).last_size is None


def test_a_cosignature_of_a_time_to_come_is_refused(live: Live, bank: Registry, tmp_path: Path) -> None:
    cosigner = witness(bank, tmp_path)
    key = cosigner.register()
    note = shown(live, "/log/round")
    for time in (0, 2**40):
        late = notes.cosign(note.text, key.name, cosigner._private, time)
        refused(lambda late=late: bank.post_cosignature(str(notes.Note(note.text, (late,)))), 422, "cosignature_time")


def test_another_members_cosignature_counts_for_nobody(
    live: Live, bank: Registry, agency: Registry, tmp_path: Path
) -> None:
    theirs, mine = witness(bank, tmp_path, "a"), witness(agency, tmp_path, "b")
    key, _ = theirs.register(), mine.register()
    note = shown(live, "/log/round")
    line = notes.cosign(note.text, key.name, theirs._private, 1_790_000_000)
    refused(lambda: agency.post_cosignature(str(notes.Note(note.text, (line,)))), 422, "bad_cosignature")


def test_evidence_that_does_not_hold_is_not_recorded(live: Live, bank: Registry) -> None:
    from gongxin_wire.splits import FORK, UNEXPLAINED, Split

    note = str(shown(live))
    for split in (
        Split(FORK, note, note, bytes(32), ()),
        Split(UNEXPLAINED, note, note, bytes(32), ()),
        Split(FORK, "x", note, merkle.EMPTY_ROOT, ()),
    ):
        refused(lambda split=split: bank.report_split(split), 422, "evidence_does_not_hold")


@pytest.mark.parametrize("path", ["/v1/log/cosignatures", "/v1/log/witnesses", "/v1/log/reports"])
def test_what_changes_something_is_for_members_with_the_scope(live: Live, path: str) -> None:
    assert httpx.post(live.url + path, json={}, trust_env=False).status_code == 401
    with live.registry(live.member("bank", scopes=["members.read"])) as reader, pytest.raises(ClientError) as caught:
        reader.connection.read("POST", path, scope="log.witness", json_body={})
    assert isinstance(caught.value, Refused)
    with live.registry(live.member("bank")) as other:
        refused(lambda: other.connection.read("POST", path, scope="log.witness", json_body={}), 422, "invalid_field")


def test_an_opening_is_its_owners_alone(live: Live, bank: Registry, agency: Registry) -> None:
    (promise,) = grow(live, owner=bank.member_id())
    _, record = bank.opening(str(promise.leaf_id))
    assert record == {"n": 0}
    refused(lambda: agency.opening(str(promise.leaf_id)), 404, "no_opening")


def test_the_metrics_tell_how_long_leaves_wait(live: Live) -> None:
    told = httpx.get(f"{live.url}/metrics", trust_env=False).text
    assert "# TYPE gongxin_log_merge_delay_seconds histogram" in told
    assert 'gongxin_log_merge_delay_seconds_bucket{le="+Inf"}' in told
    assert "gongxin_log_merge_delay_seconds_sum" in told
    assert "gongxin_log_merge_delay_longest_seconds" in told
    assert "gongxin_log_merge_delay_late" in told


def test_the_metrics_tell_whether_a_quorum_watches(live: Live) -> None:
    told = httpx.get(f"{live.url}/metrics", trust_env=False).text
    assert "gongxin_log_witness_quorum " in told
    assert "gongxin_log_split_reports " in told
