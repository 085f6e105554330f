"""The log of the day: two members cosign it, an authority stamps it, and one receipt is proven to stand in it."""

import hashlib
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from gongxin import clock
from gongxin.config import load
from gongxin.db import make_engine, transaction
from gongxin.transparency import keys as log_keys
from gongxin_client import Registry, VerificationFailed, keys, proofs
from gongxin_client.heads import Head, SplitView, Store
from gongxin_client.witness import Round, Witness
from gongxin_wire import notes, stamps

from .day import Day, Kept
from .screen import Said, StepFailed, expect

QUORUM = 2
_WAIT_SECONDS = 15.0


def members_cosign(day: Day) -> None:
    """A bank at its command line and a court in a program of its own, each with a key and a memory of its own."""
    day.screen.chapter("九、日志：见证与时间戳", "the log: witnesses and a time stamp")
    typed, court = _folder(day, "yunshan"), _folder(day, "court-1")
    files = ("--key", str(typed / "witness.pem"), "--state", str(typed / "witness.json"))
    if not (court / "witness.pem").exists():
        keys.save(keys.generate("EdDSA"), court / "witness.pem")
    witness = Witness(day.software["court-1"], keys.load(court / "witness.pem"), Store(court / "witness.json"))
    with day.screen.step("两家会员 Two members", "登记见证公钥", "register keys to witness with") as says:
        says("$ gongxin-member witness key")
        day.witnesses = [day.type("yunshan", "witness", "key", *files)["vkey"], str(witness.register())]
        says("密钥各自生成，日志只有它们都签过才算数", "each key is the member's own; the log counts where both signed")
    settled(day)
    with day.screen.step(day.name("yunshan"), "核对一致后签名", "signs what continues all it saw") as says:
        says("$ gongxin-member witness once")
        done = day.type("yunshan", "witness", "once", *files)
        _say_signed(says, done["outcome"], done["size"])
    with day.screen.step(day.name("court-1"), "核对一致后签名", "signs what continues all it saw") as says:
        round_ = witness.once()
        _say_signed(says, round_.outcome, round_.size)
        _check_both_signed(day, says, round_)


def _say_signed(says: Said, outcome: str, size: int) -> None:
    expect(outcome == "signed", f"没有签名：{outcome}", "it did not sign")
    says(f"已签检查点：{size} 叶", f"the checkpoint of {size} leaves")


def _check_both_signed(day: Day, says: Said, last: Round) -> None:
    """What anybody is shown bears the log's signature and those of both."""
    shown = httpx.get(f"{day.town.registry.address}/log/checkpoint", timeout=10).text
    signed_by = notes.witnesses(notes.parse_note(shown), [notes.parse_vkey(vkey) for vkey in day.witnesses])
    size = day.software["association"].open_head(shown).size
    expect(size == last.size, f"公开的是 {size} 叶", "another checkpoint is shown")
    expect(len(signed_by) == QUORUM, f"只有 {len(signed_by)} 家签名", "both were to have signed")
    says("公开的检查点带有两家签名：", "the public checkpoint bears both signatures:")
    for name in signed_by:
        says(f"· {name}")


class Misled(Registry):
    """What a member's software sees where somebody with the log's own key shows it another history."""

    forged = ""

    def head(self, path: str = "/log/checkpoint") -> Head:
        return self.open_head(self.forged)


def a_split_view_is_refused(day: Day) -> None:
    """With a copy of the court's memory, so that the court itself witnesses on."""
    folder = _folder(day, "court-1")
    rehearsal = folder / f"split-{day.town.cast.day}"
    rehearsal.mkdir(exist_ok=True)
    shutil.copy(folder / "witness.json", rehearsal / "witness.json")
    misled = Misled(day.software["court-1"].profile)
    with misled:
        witness = Witness(misled, keys.load(folder / "witness.pem"), Store(rehearsal / "witness.json"))
        with day.screen.step(day.name("court-1"), "被出示另一份历史", "is shown another history") as says:
            misled.forged = _another_history(day)
            says(
                "同样大小、由日志自己的密钥签名、根不同", "of the same size, signed by the log's own key, another root"
            )
            split = _refused_split(witness)
            says(f"拒绝签名：{split.code}", "it does not sign")
            expect(split.reported and split.evidence is not None, "未上报", "it was not reported")
            says("证据已保存并上报登记处", "the evidence is kept, and reported to the registry")
            code = refusal(witness.once)
            expect(code == "witness_halted", f"应已停止见证，得到 {code}", "it witnesses on")
            says("在有人查明之前不再签名", "and it signs nothing more until a person has looked")


def _refused_split(witness: Witness) -> SplitView:
    try:
        witness.once()
    except SplitView as split:
        return split
    raise StepFailed("两份历史竟都签了", "both histories were signed")


def _another_history(day: Day) -> str:
    """As only who holds the log's private key could sign it."""
    config = load(day.town.registry.environ)
    engine = make_engine(day.town.owner_url, pool_size=1)
    try:
        with transaction(engine) as session:
            key = log_keys.ensure(session, config)
            private = log_keys.private_key(config, key)
    finally:
        engine.dispose()
    size = day.software["court-1"].head().size
    text = notes.Checkpoint(key.origin, size, hashlib.sha256(b"another history").digest()).text
    return str(notes.Note(text, (notes.sign(text, key.origin, private),)))


def settled(day: Day) -> None:
    """Waits until all of the day stands in the log and witnesses are asked to sign that very checkpoint."""
    registry, until = day.software["association"], clock.monotonic() + _WAIT_SECONDS
    while registry.leaf_index(day.last_leaf) is None or registry.head("/log/round").size != registry.head().size:
        expect(clock.monotonic() < until, "日志没有按时并入", "the log did not take in the day in time")
        time.sleep(0.1)


def the_day_is_stamped(day: Day) -> None:
    """RFC 3161, by the authority of this demonstration: nobody else trusts it."""
    with day.screen.step("登记处 Registry", "为日志盖时间戳", "has the log stamped") as says:
        says("$ gongxin log stamp --witnessed")
        made = day.town.registry.operate("log", "stamp", "--witnessed")
        registry = day.software["association"]
        [entry] = [each for each in registry.stamps(from_size=made["size"]) if each.size == made["size"]]
        expect(entry.size == registry.head().size, "盖的不是最新检查点", "another checkpoint was stamped")
        found = stamps.check(entry.reply, entry.checkpoint.encode(), stamps.certificates(_root(day)))
        says(
            f"{found.time.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M:%S} {found.authority}，检查点 {entry.size} 叶",
            f"over the checkpoint of {entry.size} leaves",
        )


def trust(day: Day) -> proofs.Trust:
    """Whom a stranger to all of it believes: the published key of the log, both witnesses, the authority's root."""
    registry = day.software["association"]
    vkeys = [str(key) for key in registry.log_keys()]
    return proofs.read_trust(vkeys, day.witnesses, QUORUM, _root(day))


def a_receipt_is_proven(day: Day) -> None:
    """The receipt of the stop flag: its proof is fetched, kept beside it, and holds with nothing but files and keys."""
    day.screen.chapter("十、在日志中的证明", "proofs from the log")
    kept = stop_flag(day)
    with day.screen.step(day.name("chenyu"), "取得回执的存在证明", "fetches the proof of a receipt") as says:
        path = proofs.keep(day.software["chenyu"], kept.path)
        says(f"{path.name}，{path.stat().st_size:,} 字节", f"{path.stat().st_size:,} bytes, kept beside the receipt")
    with day.screen.step("任何人 Anybody", "离线核对", "verifies it offline") as says:
        found = check_receipt(day, kept)
        expect(len(found.witnessed) == QUORUM, "缺见证签名", "a cosignature is missing")
        expect(found.stamp is not None, "缺时间戳", "the stamp is missing")
        expect(found.record is not None, "缺揭示", "the opening is missing")
        for zh, en in found.proven:
            says(f"· {zh}", en)
        text = path.read_text("utf-8")
        says(f"改动一处路径即不成立：{_refused_path(day, kept, text)}", "with one hash of the path changed it fails")


def stop_flag(day: Day) -> Kept:
    """The answer that told the agency to stop."""
    return next(found for found in day.kept if "bankruptcy_stay" in found.told)


def check_receipt(day: Day, kept: Kept) -> proofs.Found:
    """Raises VerificationFailed."""
    pinned = day.software["association"].profile.pins.receipts
    return proofs.verify_receipt(kept.path, _proof_of(kept.path), keys=pinned, trust=trust(day))[1]


def _refused_path(day: Day, kept: Kept, text: str) -> str:
    proof = notes.parse_proof(text)
    first, *others = proof.hashes
    forged = notes.Proof(proof.index, (bytes(each ^ 1 for each in first), *others), proof.checkpoint, proof.extra)
    path = kept.path.with_name("forged.json")
    path.write_bytes(kept.path.read_bytes())
    _proof_of(path).write_text(str(forged), encoding="utf-8")
    return refusal(partial(check_receipt, day, Kept(kept.asker, kept.purpose, kept.told, path, kept.evidence)))


def refusal(check: Callable[[], object]) -> str:
    """The code of the fault that is found."""
    try:
        check()
    except VerificationFailed as fault:
        return fault.code
    expect(False, "改动竟未被发现", "the change was not found")
    return ""


def _proof_of(path: Path) -> Path:
    return path.with_suffix(".proof.txt")


def _root(day: Day) -> bytes:
    return day.town.stamping_root.read_bytes()


def _folder(day: Day, slug: str) -> Path:
    return day.town.members[slug].profile.parent


ACTS = (members_cosign, a_split_view_is_refused, the_day_is_stamped, a_receipt_is_proven)
