"""A witness never signs two heads that do not go together, and never forgets the one it signed."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gongxin_client import files, heads, witness
from gongxin_client.errors import BadInput, VerificationFailed
from gongxin_client.heads import Head, Memory, SplitView, Store, look, may_sign
from gongxin_wire import merkle, notes, splits

LOG = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"log").digest())
ORIGIN = "registry.example/log"
LOG_KEY = notes.VerifierKey(ORIGIN, LOG.public_key().public_bytes_raw())
KEY = [LOG_KEY]
EMPTY = Memory(ORIGIN, "registry.example/witness/x")


def leaves(branch: str, common: int, count: int) -> list[bytes]:
    """`count` leaves, of which the first `common` are those of every branch."""
    return [merkle.leaf_hash(f"{'main' if i < common else branch}{i}".encode()) for i in range(count)]


def head(hashes: list[bytes]) -> Head:
    found = notes.Checkpoint(ORIGIN, len(hashes), merkle.root(hashes))
    note = notes.Note(found.text, (notes.sign(found.text, ORIGIN, LOG),))
    return Head(found.size, found.root, str(note))


def reader(hashes: list[bytes]) -> merkle.Reader:
    return lambda level, index: merkle.root(hashes[index << level : (index + 1) << level])


COMMON, LONGEST = 9, 24
BRANCHES = {name: leaves(name, COMMON, LONGEST) for name in ("main", "other")}
SHOWN = st.lists(st.tuples(st.sampled_from(sorted(BRANCHES)), st.integers(0, LONGEST)), max_size=12)


def consistent(one: tuple[str, int], two: tuple[str, int]) -> bool:
    return one[0] == two[0] or min(one[1], two[1]) <= COMMON


@settings(max_examples=300, deadline=None)
@given(SHOWN)
def test_whatever_is_shown_all_that_is_signed_goes_together(shown: list[tuple[str, int]]) -> None:
    memory, signed, accused = EMPTY, [], []  # type: ignore[var-annotated]
    for branch, size in shown:
        found = head(BRANCHES[branch][:size])
        # The log serves the tiles of whichever branch is the longer of the two compared.
        seen = memory.seen
        longer = branch if seen is None or size >= seen.size else next(
            name for name, all_ in BRANCHES.items() if merkle.root(all_[: seen.size]) == seen.root
        )  # fmt: skip
        try:
            memory = look(memory, found, lambda size, name=longer: reader(BRANCHES[name][:size]))  # type: ignore[misc]
        except SplitView as found_out:
            accused.append(found_out.split)
            continue
        if may_sign(memory, found):
            signed.append((branch, size))
            memory = replace(memory, signed=found, posted=found.size)
    for split in accused:
        assert split.kind == splits.FORK
        splits.check(split, KEY)
    assert all(consistent(one, two) for one in signed for two in signed)
    assert [size for _, size in signed] == sorted({size for _, size in signed})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, LONGEST), min_size=1, max_size=12))
def test_an_honest_log_is_never_accused_in_whatever_order_its_heads_are_seen(sizes: list[int]) -> None:
    memory, main = EMPTY, BRANCHES["main"]
    for size in sizes:
        memory = look(memory, head(main[:size]), lambda size: reader(main[:size]))
    assert memory.seen is not None
    assert memory.seen.size == max(sizes)


@pytest.mark.parametrize(("one", "two"), [(12, 12), (12, 20), (10, 16), (16, 24), (20, 12)])
def test_a_fork_is_proven_to_anyone(one: int, two: int) -> None:
    memory = look(EMPTY, head(BRANCHES["main"][:one]), lambda _size: pytest.fail("nothing to compare"))
    later = "other" if two >= one else "main"
    with pytest.raises(SplitView) as caught:
        look(memory, head(BRANCHES["other"][:two]), lambda size: reader(BRANCHES[later][:size]))
    assert caught.value.code == "split_view"
    assert caught.value.exit_code == 5
    earlier, found = splits.check(caught.value.split, KEY)
    assert (earlier.size, found.size) == (min(one, two), max(one, two))


def test_tiles_that_do_not_fit_the_head_prove_no_fork_and_are_not_signed_either() -> None:
    memory = look(EMPTY, head(BRANCHES["main"][:12]), lambda _size: pytest.fail("nothing to compare"))
    with pytest.raises(SplitView) as caught:
        look(memory, head(BRANCHES["other"][:20]), lambda size: reader(BRANCHES["main"][:size]))
    assert caught.value.code == "heads_unexplained"
    splits.check(caught.value.split, KEY)
    with pytest.raises(merkle.ProofError):
        splits.check(replace(caught.value.split, kind=splits.FORK), KEY)


def test_a_tile_cut_short_is_unexplained() -> None:
    def broken(_size: int) -> merkle.Reader:
        def read(level: int, index: int) -> bytes:
            raise merkle.ProofError("short")

        return read

    memory = look(EMPTY, head(BRANCHES["main"][:12]), broken)
    with pytest.raises(SplitView) as caught:
        look(memory, head(BRANCHES["main"][:20]), broken)
    assert caught.value.split.kind == splits.UNEXPLAINED


@pytest.mark.parametrize("part", ["earlier", "later", "claimed", "path"])
def test_altered_evidence_proves_nothing(part: str) -> None:
    memory = look(EMPTY, head(BRANCHES["main"][:12]), lambda _size: pytest.fail("nothing to compare"))
    with pytest.raises(SplitView) as caught:
        look(memory, head(BRANCHES["other"][:20]), lambda size: reader(BRANCHES["other"][:size]))
    split = caught.value.split
    altered = {
        "earlier": replace(split, earlier=split.earlier.replace("\n12\n", "\n11\n")),
        "later": replace(split, later=split.later.replace("\n20\n", "\n21\n")),
        "claimed": replace(split, claimed=bytes(32)),
        "path": replace(split, path=split.path[:-1]),
    }[part]
    with pytest.raises(ValueError):
        splits.check(altered, KEY)


def test_two_heads_of_an_honest_log_are_no_evidence() -> None:
    main = BRANCHES["main"]
    earlier, later = head(main[:12]), head(main[:20])
    path = tuple(merkle.consistency_proof(12, 20, reader(main[:20])))
    for kind in (splits.FORK, "other"):
        with pytest.raises(merkle.ProofError):
            splits.check(splits.Split(kind, earlier.note, later.note, earlier.root, path), KEY)
    with pytest.raises(merkle.ProofError):
        splits.check(splits.Split(splits.FORK, later.note, later.note, later.root, ()), KEY)


def test_a_head_that_another_key_signed_is_no_head() -> None:
    other = Ed25519PrivateKey.generate()
    found = notes.Checkpoint(ORIGIN, 3, bytes(32))
    note = str(notes.Note(found.text, (notes.sign(found.text, ORIGIN, other),)))
    with pytest.raises(VerificationFailed, match="not_signed_by_log"):
        heads.open_head(note, KEY)


# --- on the disk ------------------------------------------------------------------------------------------------------


def memory_at(size: int, **more: object) -> Memory:
    found = head(BRANCHES["main"][:size])
    return replace(EMPTY, seen=found, signed=found, posted=size, **more)  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "witness.json")
    with store.opened():
        for memory in (EMPTY, memory_at(3), memory_at(5, halted="split.json")):
            store.write(memory)
            assert store.read() == memory
    assert (tmp_path / "witness.json").stat().st_mode & 0o077 == 0


def test_a_head_never_goes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "witness.json")
    with store.opened():
        store.write(memory_at(9))
        for smaller in (memory_at(8), replace(memory_at(9), signed=None), replace(memory_at(9), seen=None)):
            with pytest.raises(RuntimeError):
                store.write(smaller)
        assert store.read() == memory_at(9)


def test_two_processes_never_sign_side_by_side(tmp_path: Path) -> None:
    first, second = Store(tmp_path / "witness.json"), Store(tmp_path / "witness.json")
    with first.opened(), pytest.raises(BadInput, match="in_use"), second.opened():
        pytest.fail("both hold it")
    with second.opened():
        pass
    with pytest.raises(RuntimeError):
        first.write(EMPTY)


def test_a_missing_or_damaged_memory_is_an_error_and_no_fresh_start(tmp_path: Path) -> None:
    store = Store(tmp_path / "witness.json")
    with pytest.raises(BadInput, match="witness_unknown"):
        store.read()
    whole = heads.encode(memory_at(7))
    for place in range(0, len(whole), 7):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :]):
            store.path.write_bytes(damaged)
            with pytest.raises(BadInput, match="witness_damaged"):
                store.read()


class Disk:
    """A disk that may lose at a power cut whatever was not flushed: the calls of `files.replace`, and after each what a
    later start can find."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, []  # type: tuple[Path, list[str]]

    def states(self, old: bytes | None, new: bytes) -> Iterator[list[bytes | None]]:
        """After each call: every content that the file can have after a cut at this moment."""
        flushed = renamed = durable = False
        for call in ["", *self.calls]:
            if call == "fsync file":
                flushed = True
            elif call == "rename":
                renamed = True
            elif call == "fsync folder" and renamed:
                durable = True
            content: list[bytes | None] = [new] if flushed else [b"", new[: len(new) // 2], new]
            yield content if durable else [old, *content] if renamed else [old]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Disk:
    found = Disk(tmp_path)
    fsync, rename = os.fsync, os.replace

    def recorded_fsync(handle: int) -> None:
        name = "folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"
        found.calls.append(f"fsync {name}")
        fsync(handle)

    def recorded_rename(source: str, target: str) -> None:
        found.calls.append("rename")
        rename(source, target)

    monkeypatch.setattr(files.os, "fsync", recorded_fsync)
    monkeypatch.setattr(files.os, "replace", recorded_rename)
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="tells files from folders by /proc")
def test_a_power_cut_at_any_moment_leaves_the_old_head_or_the_new_and_the_new_once_written(
    disk: Disk, tmp_path: Path
) -> None:
    store = Store(tmp_path / "witness.json")
    old, new = memory_at(5), memory_at(8)
    with store.opened():
        store.write(old)
        disk.calls.clear()
        store.write(new)
    after = list(disk.states(heads.encode(old), heads.encode(new)))
    assert len(after) > 3
    for contents in after:
        for content in contents:
            assert content is not None
            assert heads.decode(content) in (old, new)
    assert after[-1] == [heads.encode(new)]


@pytest.mark.parametrize("broken", ["fsync", "replace", "write"])
def test_a_disk_that_fails_leaves_the_old_head_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    store = Store(tmp_path / "witness.json")
    with store.opened():
        store.write(memory_at(5))

        def fail(*_given: object, **_more: object) -> None:
            raise OSError(28, "No space left on device")

        if broken == "write":
            monkeypatch.setattr(files.tempfile, "mkstemp", fail)
        else:
            monkeypatch.setattr(files.os, broken, fail)
        with pytest.raises(OSError, match="No space"):
            store.write(memory_at(8))
        monkeypatch.undo()
        assert store.read() == memory_at(5)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


_WRITER = """
import hashlib, sys
from dataclasses import replace
from pathlib import Path
from gongxin_client.heads import Head, Memory, Store
from gongxin_wire import notes
store, base = Store(Path(sys.argv[1])), Memory("registry.example/log", "registry.example/witness/x")
with store.opened():
    for size in range(1, 10**9):
        text = notes.Checkpoint("registry.example/log", size, hashlib.sha256(b"%d" % size).digest()).text
        note = str(notes.Note(text, (notes.Signature("registry.example/log", b"abcd", bytes(64)),)))
        head = Head(size, hashlib.sha256(b"%d" % size).digest(), note)
        store.write(replace(base, seen=head, signed=head))
        print(size, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_process_killed_at_any_moment_has_kept_every_head_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "witness.json"
    for after in (0.0, 0.001, 0.003, 0.007, 0.013, 0.021, 0.034, 0.055):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert writer.stdout is not None
        reported = int(writer.stdout.readline())
        time.sleep(after)
        writer.kill()
        lines = writer.stdout.read().split(b"\n")
        writer.wait()
        reported = max([reported, *[int(line) for line in lines[:-1]]])
        store = Store(path)
        with store.opened():
            signed = store.read().signed
        assert signed is not None
        assert signed.size in {reported, reported + 1}


def test_evidence_is_a_file_that_anyone_can_check(tmp_path: Path) -> None:
    memory = look(EMPTY, head(BRANCHES["main"][:12]), lambda _size: pytest.fail("nothing to compare"))
    with pytest.raises(SplitView) as caught:
        look(memory, head(BRANCHES["other"][:20]), lambda size: reader(BRANCHES["other"][:size]))
    path = witness.save_evidence(caught.value.split, tmp_path, "https://registry.example", [str(LOG_KEY)])
    assert witness.check_evidence(path, [str(LOG_KEY)]) == caught.value.split
    body = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(body | {"claimed": "A" * 43}))
    with pytest.raises(VerificationFailed, match="evidence_does_not_hold"):
        witness.check_evidence(path, [str(LOG_KEY)])
    path.write_text("{}")
    with pytest.raises(BadInput, match="not_evidence"):
        witness.check_evidence(path, [str(LOG_KEY)])
