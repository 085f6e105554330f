"""Files of payments. A file is made (its digest is kept, its bytes are not), released by another person, and only then
handed out. The bytes are made anew each time and are the same each time: where a COMMIT fails after the file was
written, the next attempt writes the same file under the same name and message number, which a bank takes once."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.clock import SHANGHAI
from gongxin.config import Config
from gongxin.errors import Conflict, Forbidden, bad_field
from gongxin.transparency import service as transparency

from ..ledger.rules import Actor
from . import accounts, payees, queries, rules
from . import queries_statements as found
from .formats import pain, payment_csv
from .formats.parts import Order, Payment
from .models import Instruction
from .models_statements import BankAccount, PaymentFile, PaymentItem

FORMATS = ("csv", "pain001")
MOST = 10_000
SUFFIX = {"csv": "csv", "pain001": "xml"}
MEDIA = {"csv": "text/csv", "pain001": "application/xml"}


def generate(
    session: Session,
    config: Config,
    *,
    actor: Actor,
    bank_account: str,
    format: str,
    execute_on: date,
    instruction_ids: Sequence[uuid.UUID] | None = None,
) -> PaymentFile:
    """A file of everything that waits to be paid from the account, or of these instructions."""
    if format not in FORMATS:
        raise bad_field("/format", f"应为 {'、'.join(FORMATS)}", f"It is {' or '.join(FORMATS)}")
    if execute_on < clock.today_in_china():
        raise bad_field("/execute_on", "不得早于今日", "It is not before today")
    account = found.get_bank_account(session, bank_account)
    if instruction_ids is None:
        chosen: Sequence[Instruction] = found.waiting_instructions(session, account.id, MOST)
    else:
        chosen = [queries.get_instruction(session, one, lock=True) for one in sorted(set(instruction_ids))]
    of_account = set(found.paid_from(session, account.id, [each.id for each in chosen]))
    for instruction in chosen:
        rules.check_step(instruction.state, "filed")
        if instruction.id not in of_account:
            raise bad_field("/instructions", "款项不在此账户", "The money of a payment lies on another account")
    if not chosen:
        raise Conflict(
            "nothing_to_pay",
            zh="没有待付款的指令",
            en="Nothing waits to be paid",
            fix_zh="先登记付款指令。",
            fix_en="Instruct a payment first.",
        )
    made = PaymentFile(
        id=ids.new_id(),
        bank_account_id=account.id,
        format=format,
        sha256=b"",
        payments=len(chosen),
        total_fen=sum(instruction.amount_fen for instruction in chosen),
        execute_on=execute_on,
        state="generated",
        maker_member=actor.member_id,
        maker_officer=actor.officer,
        generated_at=clock.now(),
    )
    made.sha256 = hashlib.sha256(_write(session, config, account, made, chosen)).digest()
    session.add(made)
    session.flush()
    session.add_all(
        PaymentItem(file_id=made.id, position=position, instruction_id=instruction.id)
        for position, instruction in enumerate(chosen, 1)
    )
    session.flush()
    return made


def release(session: Session, file_id: uuid.UUID, *, actor: Actor, sha256: bytes) -> PaymentFile:
    """Another person's yes to the file of this digest: it may go to the bank. Its leaf names digest and sums."""
    made = found.get_file(session, file_id, lock=True)
    _check_state(made, "generated")
    if actor.officer == made.maker_officer:
        raise Forbidden(
            "maker_is_not_checker",
            zh="制盘人不得放行",
            en="The maker does not release",
            fix_zh="由另一人核对后放行；换账号、换写法仍是同一人。",
            fix_en="Another person checks and releases it; another account or spelling is the same person.",
            pointer="/officer",
        )
    if sha256 != made.sha256:
        raise Conflict(
            "content_changed",
            zh="文件与所核对的不同",
            en="The file is not what was checked",
            fix_zh="重新核对文件摘要后放行。",
            fix_en="Check the file's digest again and release that.",
            pointer="/sha256",
        )
    made.state, made.released_at = "released", clock.now()
    made.releaser_member, made.releaser_officer = actor.member_id, actor.officer
    session.flush()
    transparency.append(
        session,
        kind="fund_payment_file",
        record={
            "content": made.sha256.hex(),
            "file_id": str(made.id),
            "maker": f"{made.maker_member}/{made.maker_officer}",
            "payments": made.payments,
            "releaser": f"{actor.member_id}/{actor.officer}",
            "total_fen": made.total_fen,
            "v": 1,
        },
        leaf_id=made.id,
        owner=made.maker_member,
    )
    return made


def withdraw(session: Session, file_id: uuid.UUID) -> PaymentFile:
    """Gives up a file nobody released; its payments wait again."""
    made = found.get_file(session, file_id, lock=True)
    _check_state(made, "generated")
    made.state = "withdrawn"
    session.flush()
    return made


def content(session: Session, config: Config, file_id: uuid.UUID) -> tuple[PaymentFile, bytes]:
    """The bytes of a released file, the same each time, and the file is sent from now on. Raises Conflict where it is
    not released, or where the bytes would not be those that were."""
    made = found.get_file(session, file_id, lock=True)
    if made.state not in ("released", "sent"):
        _check_state(made, "released")
    account = found.bank_account_of(session, made.bank_account_id)
    written = _write(session, config, account, made, found.file_instructions(session, file_id))
    if hashlib.sha256(written).digest() != made.sha256:
        raise Conflict(
            "payment_file_differs",
            zh="重新生成的文件与放行的不同",
            en="The file made anew is not what was released",
            fix_zh="停止付款并查明原因：资料或程序在放行后有变。",
            fix_en="Do not pay; find out what changed since it was released.",
        )
    if made.state == "released":
        made.state, made.sent_at = "sent", clock.now()
        session.flush()
    return made, written


def name(made: PaymentFile) -> str:
    """Of the same content always the same, so that a second writing is seen to be the first."""
    return f"{_message_id(made)}-{made.sha256.hex()[:12]}.{SUFFIX[made.format]}"


def _message_id(made: PaymentFile) -> str:
    return f"GX{made.id.hex.upper()}"


def _write(
    session: Session, config: Config, account: BankAccount, made: PaymentFile, chosen: Sequence[Instruction]
) -> bytes:
    order = Order(
        message_id=_message_id(made),
        made_at=made.generated_at.astimezone(SHANGHAI),
        execute_on=made.execute_on,
        payer=accounts.details(config, account),
        payments=tuple(
            Payment(each.reference, each.amount_fen, **payees.read(session, config, each.payee_id)) for each in chosen
        ),
    )
    return pain.write(order) if made.format == "pain001" else payment_csv.write(order, account.payments)


def _check_state(made: PaymentFile, wanted: str) -> None:
    if made.state != wanted:
        raise Conflict(
            "illegal_transition",
            zh="付款文件当前状态不允许此操作",
            en="The payment file's state does not allow this",
            fix_zh="文件依次为已生成、已放行、已送出；放行前可撤回。",
            fix_en="A file is generated, released, sent; before its release it can be withdrawn.",
            extra={"state": made.state},
        )
