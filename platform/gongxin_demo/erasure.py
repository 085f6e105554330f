"""One person is erased from the log, and everything else is still proven."""

from gongxin_client import Refused, proofs
from gongxin_client.receipts import Receipt, verify_offline
from gongxin_wire.canonical import unb64u

from . import court, logbook
from .day import Day, Kept
from .screen import expect

_GROUND = "示范区人民法院（2026）示0101行审1号 court order"


def one_person_is_erased(day: Day) -> None:
    """The look-up about the bystander: row, record and salt go, by a court's order, for the law keeps it five
    years; its place in the log stays, and a leaf tells why."""
    day.screen.chapter("十一、擦除一人", "one person is erased")
    kept = next(found for found in day.kept if (found.asker.institution.slug, found.told) == ("shiqiao", "none"))
    leaf, bank = proofs.leaf_of(_receipt(day, kept)), day.software["shiqiao"]
    with day.screen.step("登记处 Registry", "擦除日志中关于一人的记录", "erases a person's record in the log") as says:
        day.erased_salt, record = bank.opening(leaf.leaf_id)
        expect(record["lookup_id"] == leaf.leaf_id, "不是这条记录", "it is another record")
        says(f"$ gongxin log erase …{leaf.leaf_id[-12:]} --ground …", _GROUND)
        told = day.town.registry.operate("log", "erase", leaf.leaf_id, "--because", "ordered", "--ground", _GROUND)
        says(
            "记录、盐与索引已删除；日志添了一叶，写明依据",
            "record, salt and index are deleted; a new leaf states the ground",
        )
    with day.screen.step(day.name("shiqiao"), "再取这条记录", "asks for that record again") as says:
        says(f"已不可得：{_gone(day, leaf.leaf_id)}", "it is gone, for the bank that asked, too")
        trust = logbook.trust(day)
        found = proofs.check(proofs.fetch(bank, leaf), leaf, proofs.Trust(trust.log))
        expect(found.record is None, "记录仍在证明之中", "the record is still in the proof")
        says(f"第 {found.index} 叶的位置仍可证明", "its place in the log can still be proven")
        erasure = proofs.Leaf(told["id"], "erasure", unb64u(told["commitment"]))
        stands = proofs.check(proofs.fetch(bank, erasure), erasure, proofs.Trust(trust.log))
        says(f"擦除本身是第 {stands.index} 叶", "the erasure is a leaf itself")


def everything_else_still_verifies(day: Day) -> None:
    """The whole tree is rebuilt from its leaves and held against every signed checkpoint."""
    with day.screen.step("登记处 Registry", "重建整份日志并核对", "rebuilds the log and compares it") as says:
        says("$ gongxin log verify")
        found = day.town.registry.operate("log", "verify")
        expect(found["difference"] is None, f"不一致：{found['difference']}", "it differs")
        expect(found["erased"] >= 1, "没有擦除", "nothing is erased")
        size = day.software["association"].head().size
        expect(found["size"] == size, f"只核对了 {found['size']} 叶", "not all was compared")
        says(
            f"{size:,} 叶、{found['checkpoints']:,} 份检查点一致；{found['opened']:,} 条记录相符，"
            f"{found['erased']} 条已擦除",
            f"{size:,} leaves and {found['checkpoints']:,} checkpoints are what was signed; {found['opened']:,} records"
            f" hold, {found['erased']} erased",
        )
        logbook.check_receipt(day, logbook.stop_flag(day))
        court.check_recording(day)
        says("先前保存的证明与录音仍然成立", "the proofs kept before, of receipt and recording, still hold")


def _receipt(day: Day, kept: Kept) -> Receipt:
    pinned = day.software["association"].profile.pins.receipts
    return verify_offline(kept.path, keys=pinned).receipt


def _gone(day: Day, leaf_id: str) -> str:
    try:
        day.software["shiqiao"].opening(leaf_id)
    except Refused as refused:
        expect(refused.code == "no_opening", f"应为 no_opening，得到 {refused.code}", "another refusal")
        return f"HTTP {refused.status} {refused.code}"
    expect(False, "记录仍可取得", "the record is still there")
    return ""


ACTS = (one_person_is_erased, everything_else_still_verifies)
