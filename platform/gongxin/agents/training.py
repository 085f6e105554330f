"""Hours, examinations and the certificates they give: uploaded in lines, each with its own outcome."""

import uuid
from datetime import date

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Invalid
from gongxin.members import queries as members
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller

from . import queries, rules, service, watches
from .models import Certificate, CertificateWithdrawal, Examination, TrainingHours


def record_hours(session: Session, *, agent_id: uuid.UUID, course: str, hours: int, completed_on: date) -> None:
    """Hours attended. Raises Invalid for a course the pack has not, or a day to come."""
    queries.get_agent(session, agent_id)
    rules.check_course(course, hours)
    _not_to_come(completed_on, "/completed_on")
    session.add(
        TrainingHours(
            id=ids.new_id(),
            agent_id=agent_id,
            course=course,
            hours=hours,
            completed_on=completed_on,
            recorded_at=clock.now(),
        )
    )
    session.flush()


def record_examination(
    session: Session,
    *,
    agent_id: uuid.UUID,
    level: str,
    sat_on: date,
    score: int,
    examiner_id: uuid.UUID,
    examiner_ref: str,
) -> Certificate | None:
    """A sitting; where it was passed, the certificate. Raises Conflict where hours are missing, or where the examiner
    is of the agent's own agency or the one that is to take them on."""
    agent = queries.get_agent(session, agent_id)
    _not_to_come(sat_on, "/sat_on")
    members.get_member(session, examiner_id)
    if examiner_id in (agent.agency_id, agent.released_to):
        raise Conflict(
            "examiner_of_own_agency",
            zh="考官不得考核本机构人员",
            en="Nobody examines the people of their own agency",
            fix_zh="由协会或其他机构的考官主考。",
            fix_en="Have an examiner of the association or of another institution.",
            pointer="/examiner_id",
        )
    held = [each for each in queries.standing_certificates(session, agent_id, sat_on) if each.level == level]
    current = next((each for each in reversed(held) if each.issued_on <= sat_on <= each.valid_until), None)
    missing = rules.missing_training(
        level, queries.hours(session, agent_id, current.issued_on if current else None), current is not None
    )
    if missing:
        raise Conflict(
            "training_missing",
            zh="学时或课程尚未修满",
            en="Hours or courses are missing",
            fix_zh="补足 missing 所列后再考。",
            fix_en="Complete what is listed in missing first.",
            extra={"missing": missing},
        )
    mark = rules.pack()["certificates"][level]["pass_mark"]
    sitting = Examination(
        id=ids.new_id(),
        agent_id=agent_id,
        level=level,
        sat_on=sat_on,
        score=score,
        pass_mark=mark,
        examiner_id=examiner_id,
        examiner_ref=examiner_ref,
        recorded_at=clock.now(),
    )
    session.add(sitting)
    session.flush()
    return _certify(session, sitting, agent.agency_id) if score >= mark else None


def withdraw(session: Session, certificate_id: uuid.UUID, *, caller: Caller, reason: str) -> CertificateWithdrawal:
    """A certificate counts no more; a licence that rests on it is suspended in the same transaction. Raises Conflict
    where it was withdrawn before."""
    assert caller.member_id is not None
    rules.check_reason(reason)
    certificate = queries.get_certificate(session, certificate_id)
    agent = queries.get_agent(session, certificate.agent_id)
    if certificate_id in queries.withdrawals(session, agent.id):
        raise Conflict(
            "certificate_withdrawn",
            zh="该证书已撤销",
            en="The certificate was withdrawn before",
            fix_zh="无需重复办理。",
            fix_en="There is nothing to do.",
        )
    made = CertificateWithdrawal(
        certificate_id=certificate_id,
        agent_id=agent.id,
        reason=reason,
        withdrawn_by=caller.member_id,
        withdrawn_at=clock.now(),
    )
    session.add(made)
    session.flush()
    transparency.append(
        session,
        kind="certificate",
        record={
            "agent_id": str(agent.id),
            "certificate_id": str(certificate_id),
            "reason": reason,
            "withdrawn_at": transparency.moment(made.withdrawn_at),
            "withdrawn_by": str(caller.member_id),
        },
        owner=agent.agency_id,
    )
    watches.changed(session, agent.id, ("certificates",))
    service.suspend_without(session, agent, caller.by)
    return made


def _certify(session: Session, sitting: Examination, agency_id: uuid.UUID) -> Certificate:
    now = clock.now()
    made = Certificate(
        id=ids.new_id(),
        agent_id=sitting.agent_id,
        level=sitting.level,
        examination_id=sitting.id,
        issued_on=sitting.sat_on,
        valid_until=rules.certificate_term(sitting.level, sitting.sat_on),
        rules_version=rules.pack()["version"],
        issued_at=now,
    )
    session.add(made)
    session.flush()
    transparency.append(
        session,
        kind="certificate",
        record={
            "agent_id": str(made.agent_id),
            "certificate_id": str(made.id),
            "examiner_id": str(sitting.examiner_id),
            "issued_at": transparency.moment(now),
            "issued_on": made.issued_on.isoformat(),
            "level": made.level,
            "rules_version": made.rules_version,
            "valid_until": made.valid_until.isoformat(),
        },
        leaf_id=made.id,
        owner=agency_id,
    )
    watches.changed(session, made.agent_id, ("certificates",))
    return made


def _not_to_come(day: date, pointer: str) -> None:
    if not date(2000, 1, 1) <= day <= clock.today_in_china():
        raise Invalid(
            "day_to_come",
            zh="日期不能晚于今日",
            en="The day is yet to come, or before 2000",
            fix_zh="填写实际日期。",
            fix_en="Give the day it took place.",
            pointer=pointer,
        )
