"""After the day: every receipt is checked with nothing but the published keys, and the registry is searched for ID
numbers."""

import json

from gongxin_client import VerificationFailed
from gongxin_client.receipts import read_jwks, verify_offline

from . import imports, province
from .day import Day
from .logbook import stop_flag
from .scan import scan
from .screen import expect

PROVABLE = ("log_leaves", "log_openings", "log_checkpoints", "log_witnesses", "log_cosignatures", "log_stamps",
            "evidence", "evidence_custody")  # fmt: skip


def receipts_verify_offline(day: Day) -> None:
    """The keys as published, fetched by somebody who is no member; then nothing but files."""
    import httpx

    day.screen.chapter("十二、事后核对", "afterwards")
    with day.screen.step(
        "任何人 Anybody", "凭公布的密钥离线核对回执", "verifies receipts offline, by published keys"
    ) as says:
        published = httpx.get(f"{day.town.registry.address}/v1/disclosure/receipt-keys", timeout=10).json()
        path = day.town.folder / "receipts" / "receipt-keys.json"
        path.write_text(json.dumps(published, ensure_ascii=False, indent=1), encoding="utf-8")
        keys = read_jwks(json.loads(path.read_text(encoding="utf-8")))
        for kept in day.kept:
            verdict = verify_offline(kept.path, keys=keys, member_id=kept.asker.member_id)
            expect(verdict.receipt.purpose == kept.purpose, "用途不符", "another purpose")
        says(f"{len(day.kept)} 份回执全部成立", f"all {len(day.kept)} receipts hold")
        forged = day.kept[0].path.with_name("forged.json")
        body = json.loads(day.kept[0].path.read_text(encoding="utf-8"))
        body["reply"]["answers"][0]["result"] = "match"
        forged.write_text(json.dumps(body), encoding="utf-8")
        try:
            verify_offline(forged, keys=keys)
        except VerificationFailed as fault:
            says(f"改过一个字的那份不成立：{fault.code}", "one with a word changed does not hold")
        else:
            expect(False, "伪造的回执竟然成立", "a forged receipt holds")


def no_id_number_arrived(day: Day) -> None:
    """Each row of each table, and every log."""
    with day.screen.step("登记处 Registry", "在全部数据中搜寻证件号码", "searches all it holds for ID numbers") as says:
        cast = day.town.cast
        numbers = province.id_numbers(day.town.exports) | {cast.debtor, cast.bystander, imports.NOBODY}
        logs = [*day.town.registry.logs.glob("*.log"), day.town.registry.data_dir / "pg" / "log"]
        kept_salt, _ = day.software["chenyu"].opening(stop_flag(day).evidence.reply["lookup_id"])
        held = {cast.court_case, cast.references["yunshan"], kept_salt.hex()}
        erased = day.erased_salt.hex()
        found = scan(day.town.owner_url, logs, numbers, {*held, erased})
        expect(
            held <= found.controls, "检索有误：已知内容未找到", "the search is at fault: what is there was not found"
        )
        unread = [table for table in PROVABLE if not found.tables.get(table)]
        expect(not unread, f"检索有误：{unread} 未检索", "the search is at fault: these tables were not read")
        expect(found.found == 0, f"发现 {found.found} 个证件号码", "ID numbers were found")
        tables = len(found.tables)
        says(
            f"{tables} 张表 {found.rows:,} 行、{found.files} 份日志，{len(numbers):,} 个号码：出现 0 次",
            f"{tables} tables, {found.rows:,} rows, {found.files} logs, {len(numbers):,} numbers: 0 found",
        )
        expect(erased not in found.controls, "已擦除的盐仍在", "the erased salt is still there")
        says("已擦除的盐也不在任何表中", "nor does any table hold the erased salt")


ACTS = (receipts_verify_offline, no_id_number_arrived)
