"""What members install: the SDK and `gongxin-member`. Imports nothing of the registry.

    with Registry.from_profile("bank.toml") as registry:
        case = registry.register_case("JJ-2026-0001", Identifier("cn_id", number), opened_on=date(2026, 3, 4))
        answer = registry.lookup(Identifier("cn_id", number), purpose="contact", case_id=case.case_id)
        if answer.must_not_contact: ...

| 中文 | here | meaning |
|---|---|---|
| 会员配置 | profile | which registry, which client, which key; the registry's keys as first seen (`profile.py`) |
| 客户端密钥 | key file | the member's own private key, never sent (`keys.py`) |
| 盲化令牌 | token | what stands for an identifier on the wire (`subjects.py`) |
| 回执 | receipt | the registry's signature over question and answer, always checked (`receipts.py`) |
| 日志证明 | proof | that the log holds what a receipt promises, kept beside it (`proofs.py`) |
| 见证 | witness | a member cosigns the log where it continues what was seen (`witness.py`, `heads.py`) |
| 导入日志 | journal | what an import sent and what came back: a kill doubles nothing (`importing/journal.py`) |

Identifiers never leave the process. An error is an exception, never a value that could be read as "nothing found".
"""

from .errors import (
    BadInput,
    ClientError,
    NoGround,
    NotConnected,
    Refused,
    StaleAnswer,
    Unavailable,
    VerificationFailed,
    Withheld,
)
from .models import (
    Answer,
    Asked,
    Case,
    CaseStatus,
    CourtEvent,
    Event,
    Identifier,
    LineResult,
    Member,
    NewCase,
    OwnLookup,
    Placement,
    Question,
    Reference,
)
from .profile import Profile
from .registry import Registry

__all__ = [
    "Answer", "Asked", "BadInput", "Case", "CaseStatus", "ClientError", "CourtEvent", "Event", "Identifier",
    "LineResult", "Member", "NewCase", "NoGround", "NotConnected", "OwnLookup", "Placement", "Profile", "Question",
    "Reference", "Refused", "Registry", "StaleAnswer", "Unavailable", "VerificationFailed", "Withheld",
]  # fmt: skip
