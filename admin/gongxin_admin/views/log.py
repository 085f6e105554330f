"""透明日志 The log at the desk: how it stands, who witnesses it, stamps, alarms, one leaf and its proof."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Flask, Response, current_app, flash, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Forbidden, NotFound
from gongxin.transparency import keys, merging, proving, queries, rules, rules_witnessing, service, stamps, witnesses
from gongxin.transparency import queries_witnessing as witnessing
from gongxin.web.paging import decode_number, id_after
from gongxin.web.runtime import Runtime
from gongxin_wire import commitments, merkle, notes
from gongxin_wire.canonical import b64u

from .. import languages
from ..face import Door, page
from ..formats import moment
from ..listing import Column, Listing, show
from ..menu import WORK, Work
from .common import is_officer, names

KINDS: dict[str, tuple[str, str]] = {
    "fork": ("分叉：同一日志签过两份互相矛盾的检查点", "fork: the log signed two heads that contradict each other"),
    "unexplained": ("未能证明一致", "unexplained: consistency was not proven"),
}


def register(app: Flask) -> None:
    @page(app, "admin.log", "/log")
    def log(door: Door) -> Response:
        return _log(door)

    @page(app, "admin.log_checkpoints", "/log/checkpoints")
    def checkpoints(door: Door) -> Response:
        return show(door, _checkpoints(door))

    @page(app, "admin.log_checkpoint", "/log/checkpoints/<int:size>")
    def checkpoint(door: Door, size: int) -> Response:
        return _checkpoint(door, size)

    @page(app, "admin.log_stamps", "/log/stamps")
    def stamped(door: Door) -> Response:
        return show(door, _stamps(door))

    @page(app, "admin.log_reports", "/log/reports")
    def reports(door: Door) -> Response:
        return show(door, _reports(door))

    @page(app, "admin.log_report", "/log/reports/<uuid:report_id>")
    def report(door: Door, report_id: UUID) -> Response:
        return _report(door, report_id)

    @page(app, "admin.log_find", "/log/find")
    def find(door: Door) -> Response:
        try:
            return door.go("log_leaf", leaf_id=UUID(request.args.get("leaf", "").strip()))
        except ValueError:
            flash(_("叶子编号不对：应为 8-4-4-4-12 位的编号。"), "bad")
            return door.go("log")

    @page(app, "admin.log_leaf", "/log/leaves/<uuid:leaf_id>")
    def leaf(door: Door, leaf_id: UUID) -> Response:
        return _leaf(door, leaf_id)


def _alarms(session: Session, config: Any) -> list[tuple[str, str]]:
    """What is wrong with the log: (what, what to do)."""
    now, found = clock.now(), []
    if witnessing.count_reports(session):
        found.append((_("有分叉报告"), _("立即核对两份检查点，停止对外签发，并告知全体会员。")))
    if rules_witnessing.quorum_is_late(witnesses.unwitnessed_since(session, config.witness_quorum), now):
        found.append((_("见证不足法定数目超过一日"), _("联系见证机构，核对其 gongxin-member witness 是否在运行。")))
    if merging.is_late(queries.merge_delays(session)):
        found.append((_("并入延迟超过公布的上限"), _("核对 gongxin worker 是否在运行、数据库是否繁忙。")))
    if config.tsa_url and stamps.age(session)[0]:
        found.append((_("时间戳已超过三十六小时"), _("核对时间戳机构、网络与证书；系统会自动重试。")))
    return found


def _log(door: Door) -> Response:
    session, quorum = door.session, door.config.witness_quorum
    newest = queries.newest_checkpoint(session)
    if newest is None:
        raise keys.not_started()
    delays, witnessed = queries.merge_delays(session), witnessing.newest_witnessed(session, quorum)
    last, found = witnessing.last_stamp(session), witnessing.witnesses(session)
    houses = names(door, {row[0].member_id for row in found})
    facts = [
        (_("日志名称"), keys.verifiers(session)[-1].name),
        (_("叶子数"), f"{newest.size:,}"),
        (_("最新检查点"), moment(newest.signed_at)),
        (_("等待并入的叶子"), languages.both(f"{queries.waiting_count(session):,} 片，最久 {delays.oldest:.1f} 秒",
                                 f"{queries.waiting_count(session):,}, the oldest {delays.oldest:.1f} s")),
        (_("近两小时最长并入延迟"), languages.both(
            f"{delays.longest:.2f} 秒（公布上限 {rules.MAX_MERGE_DELAY_SECONDS} 秒）",
            f"{delays.longest:.2f} s (published {rules.MAX_MERGE_DELAY_SECONDS} s)")),
        (_("见证法定数目"), languages.both(f"{quorum} 家", f"{quorum} members")),
        (_("最近达到法定数目"), "—" if witnessed is None else languages.both(
            f"第 {witnessed:,} 片，落后 {newest.size - witnessed:,} 片",
            f"at {witnessed:,} leaves, {newest.size - witnessed:,} behind")),
        (_("最近时间戳"), _("未配置时间戳机构") if last is None and not door.config.tsa_url
         else moment(last.received_at if last else None)),
        (_("分叉报告"), f"{witnessing.count_reports(session):,}"),
    ]  # fmt: skip
    rows = [
        [
            houses.get(witness.member_id, "—"), _("在用") if witness.retired_at is None else _("已停用"),
            "—" if signed is None else f"{signed.size:,}", moment(signed.received_at if signed else None),
            "—" if signed is None else f"{newest.size - signed.size:,}",
        ]
        for witness, signed, _note in found
    ]  # fmt: skip
    return door.render(
        "log.html", facts=facts, alarms=_alarms(session, door.config), witnesses=rows,
        vkeys=[str(keys.verifier(key)) for key in queries.keys(session)],
        prefix=f"{door.config.issuer}/log",
    )  # fmt: skip


def _checkpoints(door: Door) -> Listing:
    quorum = door.config.witness_quorum

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return witnessing.checkpoints(door.session, before=_number(after), limit=limit)

    return Listing(
        name="checkpoints",
        title=_("检查点"),
        rule=_("每份检查点承诺此前的全部叶子；达到法定数目的见证方签过，任何人都不能另签一份而不被发现。"),
        columns=[
            Column(_("叶子数"), lambda row: f"{row[0].size:,}", lambda row: row[0].size),
            Column(_("签署于"), lambda row: moment(row[0].signed_at)),
            Column(_("见证机构"), lambda row: row[1], end=True),
            Column(_("法定数目"), lambda row: languages.both("已达到", "reached") if row[1] >= quorum else
                   languages.both("未达到", "not reached")),
        ],
        fetch=fetch,
        key=lambda row: [str(row[0].size)],
        address=lambda row: url_for("admin.log_checkpoint", size=row[0].size),
        empty=_("还没有检查点。"),
    )  # fmt: skip


def _number(after: list[str] | None) -> int | None:
    """The number in a cursor of one. Raises Invalid."""
    return decode_number(request.args.get("cursor")) if after else None


def _checkpoint(door: Door, size: int) -> Response:
    found = queries.checkpoint_of(door.session, size)
    if found is None:
        raise NotFound
    object_ = {
        "title": languages.both(f"检查点 {size:,}", f"Checkpoint {size:,}"),
        "rule": _("下方原文可由任何人用日志与见证方的公钥核对。"),
        "number": "", "back": url_for("admin.log_checkpoints"), "back_name": _("检查点"), "state": None,
        "facts": [
            (_("叶子数"), f"{size:,}"),
            (_("签署于"), moment(found.signed_at)),
            (_("见证方"), "、".join(witnessing.names(door.session, size)) or "—"),
        ],
        "steps": [],
    }  # fmt: skip
    return door.render(
        "log_text.html", object=object_, texts=[(_("原文"), queries.shown_note(door.session, size) or "")]
    )


def _stamps(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return witnessing.newest_stamps(door.session, before=_number(after), limit=limit)

    return Listing(
        name="stamps",
        title=_("时间戳"),
        rule=_("外部时间戳机构每日为一份检查点加盖 RFC 3161 时间戳。"),
        columns=[
            Column(_("叶子数"), lambda s: f"{s.size:,}", lambda s: s.size),
            Column(_("加盖时间"), lambda s: moment(s.stamped_at)),
            Column(_("机构"), lambda s: s.authority),
            Column(_("序列号"), lambda s: s.serial),
            Column(_("收到于"), lambda s: moment(s.received_at)),
        ],
        fetch=fetch,
        key=lambda s: [str(s.number)],
        address=lambda s: url_for("admin.log_checkpoint", size=s.size),
        empty=_("还没有时间戳。操作员配置时间戳机构后每日自动取得。"),
    )


def _reports(door: Door) -> Listing:
    houses: dict[UUID, str] = {}

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = witnessing.reports(door.session, after=id_after(after), limit=limit)
        houses.update(names(door, {each.member_id for each in found}))
        return found

    return Listing(
        name="split-reports",
        title=_("分叉报告"),
        rule=_("见证方发现日志对不同的人出示不同内容时提交；证据经核对才收下。"),
        columns=[
            Column(_("报告于"), lambda r: moment(r.reported_at)),
            Column(_("机构"), lambda r: houses.get(r.member_id, "—")),
            Column(_("类别"), lambda r: languages.both(*KINDS[r.kind])),
        ],
        fetch=fetch,
        key=lambda r: [str(r.id)],
        address=lambda r: url_for("admin.log_report", report_id=r.id),
        empty=_("没有分叉报告。"),
    )


def _report(door: Door, report_id: UUID) -> Response:
    found = witnessing.get_report(door.session, report_id)
    object_ = {
        "title": _("分叉报告"), "rule": languages.both(*KINDS[found.kind]), "number": str(found.id),
        "back": url_for("admin.log_reports"), "back_name": _("分叉报告"), "state": (_("须处理"), "bad"),
        "facts": [
            (_("机构"), names(door, {found.member_id}).get(found.member_id, "—")),
            (_("报告于"), moment(found.reported_at)),
            (_("报告指纹"), found.digest.hex()),
        ],
        "steps": [],
    }  # fmt: skip
    texts = [(_("较早的检查点"), found.earlier), (_("较晚的检查点"), found.later)]
    return door.render("log_text.html", object=object_, texts=texts)


def _leaf(door: Door, leaf_id: UUID) -> Response:
    """A leaf, where it stands, its proof checked here and now, and what it commits to where the house may know."""
    session = door.session
    placed = queries.find_leaf(session, leaf_id)
    found = placed or queries.find_waiting(session, leaf_id)
    if found is None:
        raise NotFound
    proof, verdict = _proven(door, placed) if placed is not None else ("", None)
    erased = queries.find_erasure(session, leaf_id)
    opening = queries.find_opening(session, leaf_id)
    state = (
        (_("已核对，在日志中"), "good") if verdict else (_("证明不成立"), "bad") if proof else (_("等待并入"), "wait")
    )
    facts = [
        (_("类别"), found.kind),
        (_("位置"), f"{placed.leaf_index:,}" if placed is not None else "—"),
        (_("承诺"), b64u(found.commitment)),
        (_("核对于检查点"), f"{verdict:,}" if verdict else "—"),
    ]
    if erased is not None:
        because = languages.both(*rules.BECAUSE[erased.because])
        facts += [(_("已擦除于"), moment(erased.erased_at)), (_("擦除依据"), f"{because}：{erased.ground}")]
    object_ = {
        "title": _("一叶及其证明"), "rule": _("承诺不外露内容；所指的记录只有其机构与登记处能揭示。"),
        "number": str(leaf_id), "back": url_for("admin.log"), "back_name": _("透明日志"), "state": state,
        "facts": facts, "steps": [],
    }  # fmt: skip
    texts = [(_("存在证明"), proof)] if proof else []
    if opening is not None:
        texts.append((_("所承诺的记录"), service.canonical_text(service.opened_record(opening)).decode()))
    return door.render("log_text.html", object=object_, texts=texts)


def _proven(door: Door, leaf: Any) -> tuple[str, int | None]:
    """The proof, and the size of the checkpoint under which it holds: None where it does not; no proof where no
    checkpoint has the leaf yet."""
    runtime = current_app.extensions.get("gongxin_log")
    if runtime is None:
        face = door.face
        runtime = current_app.extensions["gongxin_log"] = Runtime(face.config, face.engine, face.limiter, _nobody)
    try:
        text = proving.inclusion(runtime, leaf.leaf_id)
    except NotFound:
        return "", None
    entry = commitments.entry(leaf.leaf_id, leaf.kind, leaf.commitment)
    try:
        shown, _note = notes.verify_proof(
            notes.parse_proof(text), merkle.leaf_hash(entry), keys.verifiers(door.session)[-1]
        )
    except (notes.NoteError, merkle.ProofError):
        return text, None
    return text, shown.size


def _nobody(*_given: Any) -> Any:
    raise Forbidden


def _waiting(door: Door) -> Iterator[Work]:
    if is_officer(door):
        for what, act in _alarms(door.session, door.config):
            yield Work(what, url_for("admin.log"), act, clock.today_in_china())


WORK["admin"].append(_waiting)
