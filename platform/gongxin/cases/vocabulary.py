"""The five axes on one screen: statuses, who may assert each, what follows what, and what each does to an answer.

domain.md section 2. Stored words: a new one needs a migration. Everything here is data; `rules.py` decides by it.
"""

# --- axes and who knows ---------------------------------------------------------------------------------------------

# A source is the capacity in which somebody asserts, highest first: a lower one never overrides a higher one.
# `bankruptcy_office` (破产事务管理署) ranks here; no kind of member is one yet. `debtor` is what the association
# records for the subject. `registry` is its clock, which moves placements only.
SOURCES = (
    "court", "bankruptcy_office", "regulator", "creditor", "mediator", "registrar", "agency", "debtor",
)  # fmt: skip
RANK = {source: len(SOURCES) - index for index, source in enumerate(SOURCES)}
EVENT_SOURCES = (*SOURCES[1:], "registry")

ACTIVE = ("in_progress", "promise_to_pay")
RECOVERY = ("instalment", "partial_paid", "settled", "paid_off", "written_off", "closed")
OBJECTION = ("objected", "not_my_debt", "identity_fraud")
COMPLAINT = ("complaint_open", "complaint_upheld", "complaint_rejected")
MEDIATION = ("pre_mediation", "mediated")
COURT = (
    "judicially_confirmed",  # 司法确认
    "payment_order",  # 支付令
    "filed",  # 立案
    "judged",  # 判决
    "appealed",  # 上诉
    "effective",  # 生效
    "enforcing",  # 执行
    "enforcement_settled",  # 执行和解
    "enforcement_terminated_round",  # 终结本次执行程序
    "enforcement_resumed",  # 恢复执行
    "enforcement_completed",  # 执行完毕
    "dishonest_listed",  # 列入失信被执行人
)
BANKRUPTCY = (
    "bankruptcy_filed",  # 申请破产
    "bankruptcy_stay",  # 预重整或受理前的临时保护
    "bankruptcy_accepted",  # 受理 (企业破产法 19: 中止执行)
    "bankruptcy_reorganisation",  # 重整
    "bankruptcy_composition",  # 和解
    "bankruptcy_declared",  # 宣告破产
    "bankruptcy_discharge_period",  # 免责考察期 (深圳经济特区个人破产条例 95)
    "bankruptcy_discharged",  # 免除未清偿债务
    "bankruptcy_dismissed",  # 不予受理、驳回申请
    "bankruptcy_lifted",  # 解除保护
    "bankruptcy_terminated",  # 终结破产程序
)
PERSON = ("deceased", "incapacitated", "lost_contact", "hardship", "vulnerable", "represented", "do_not_contact")

PLACEMENTS = (
    "draft", "assigned", "accepted", "declined", "returned", "held_over", "recalled", "mandate_expired",
    "claim_assigned",
)  # fmt: skip
STATUSES: dict[str, tuple[str, ...]] = {
    "placement": PLACEMENTS,
    "collection": (*ACTIVE, *RECOVERY, "suspended"),
    "dispute": (*OBJECTION, *COMPLAINT),
    "legal": (*MEDIATION, *COURT, *BANKRUPTCY),
    "person": PERSON,
}
EVENT_AXES = ("collection", "dispute", "legal", "person")
COURT_AXES: dict[str, tuple[str, ...]] = {
    "collection": ("suspended",),
    "legal": STATUSES["legal"],
    "person": PERSON,
}

# What each may assert as of its own knowledge. On the legal axis anybody else only claims, with a 案号.
ASSERTABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "court": COURT_AXES,
    "creditor": {"collection": (*RECOVERY, "suspended"), "dispute": OBJECTION, "person": PERSON},
    "agency": {"collection": ACTIVE, "dispute": OBJECTION, "person": PERSON},
    "registrar": {"collection": ("suspended",), "dispute": COMPLAINT, "person": PERSON},
    "debtor": {"dispute": OBJECTION},
    "regulator": {"dispute": COMPLAINT},
    "mediator": {"legal": MEDIATION},
}
# The capacities of each kind of member on a case that is its to speak of; the first that knows the status is taken.
CAPACITIES: dict[str, tuple[str, ...]] = {
    "bank": ("creditor",),
    "agency": ("agency",),
    "mediator": ("mediator",),
    "association": ("registrar", "debtor"),
    "regulator": ("regulator",),
}

# --- what follows what ----------------------------------------------------------------------------------------------

_INTO_BANKRUPTCY = ("bankruptcy_filed", "bankruptcy_stay", "bankruptcy_accepted")
_OUT_OF_BANKRUPTCY = ("filed", "enforcing", "enforcement_resumed", "enforcement_completed", *_INTO_BANKRUPTCY)
_ENFORCEMENT = (
    "enforcement_settled", "enforcement_terminated_round", "enforcement_completed", "dishonest_listed",
)  # fmt: skip
_IN_BANKRUPTCY = (
    "bankruptcy_reorganisation", "bankruptcy_composition", "bankruptcy_declared", "bankruptcy_lifted",
    "bankruptcy_dismissed", "bankruptcy_terminated",
)  # fmt: skip
_TO_THE_END = ("bankruptcy_discharge_period", "bankruptcy_discharged", "bankruptcy_terminated", "bankruptcy_lifted")

# What the same asserter may say next on the axis (a court: under the same 案号). Absent: anything may come first.
FOLLOWS: dict[str, dict[str, tuple[str, ...]]] = {
    "collection": {
        "in_progress": ("in_progress", "promise_to_pay"),
        "promise_to_pay": ("in_progress", "promise_to_pay"),
        "instalment": (*RECOVERY, "suspended"),
        "partial_paid": (*RECOVERY, "suspended"),
        "suspended": RECOVERY,
        "settled": ("paid_off", "closed"),
        "written_off": ("instalment", "partial_paid", "settled", "paid_off", "closed"),
        "paid_off": ("closed",),
        "closed": (),
    },
    "dispute": {
        "objected": OBJECTION,
        "not_my_debt": OBJECTION,
        "identity_fraud": OBJECTION,
        "complaint_open": ("complaint_upheld", "complaint_rejected"),
        "complaint_upheld": ("complaint_open",),
        "complaint_rejected": ("complaint_open",),
    },
    "legal": {
        "pre_mediation": ("mediated", "judicially_confirmed", "payment_order", "filed", *_INTO_BANKRUPTCY),
        "mediated": ("judicially_confirmed", "filed", "effective", "enforcing", *_INTO_BANKRUPTCY),
        "judicially_confirmed": ("effective", "enforcing", *_INTO_BANKRUPTCY),
        "payment_order": ("effective", "enforcing", "filed", *_INTO_BANKRUPTCY),
        "filed": ("pre_mediation", "mediated", "payment_order", "judged", "effective", *_INTO_BANKRUPTCY),
        "judged": ("appealed", "effective", "enforcing", *_INTO_BANKRUPTCY),
        "appealed": ("mediated", "judged", "effective", *_INTO_BANKRUPTCY),
        "effective": ("enforcing", *_INTO_BANKRUPTCY),
        "enforcing": (*_ENFORCEMENT, *_INTO_BANKRUPTCY),
        "enforcement_settled": ("enforcement_resumed", "enforcement_completed", *_INTO_BANKRUPTCY),
        "enforcement_terminated_round": (
            "enforcement_resumed", "enforcement_completed", "dishonest_listed", *_INTO_BANKRUPTCY,
        ),
        "enforcement_resumed": (*_ENFORCEMENT, *_INTO_BANKRUPTCY),
        "dishonest_listed": (
            "enforcement_settled", "enforcement_terminated_round", "enforcement_resumed", "enforcement_completed",
            *_INTO_BANKRUPTCY,
        ),
        "enforcement_completed": (),
        "bankruptcy_filed": ("bankruptcy_stay", "bankruptcy_accepted", "bankruptcy_dismissed", "bankruptcy_lifted"),
        "bankruptcy_stay": ("bankruptcy_accepted", "bankruptcy_dismissed", "bankruptcy_lifted"),
        "bankruptcy_accepted": _IN_BANKRUPTCY,
        "bankruptcy_reorganisation": ("bankruptcy_declared", *_TO_THE_END),
        "bankruptcy_composition": ("bankruptcy_declared", *_TO_THE_END),
        "bankruptcy_declared": ("bankruptcy_reorganisation", "bankruptcy_composition", *_TO_THE_END),
        "bankruptcy_discharge_period": ("bankruptcy_discharged", "bankruptcy_terminated", "bankruptcy_lifted"),
        "bankruptcy_discharged": (),
        "bankruptcy_dismissed": _OUT_OF_BANKRUPTCY,
        "bankruptcy_lifted": _OUT_OF_BANKRUPTCY,
        "bankruptcy_terminated": _OUT_OF_BANKRUPTCY,
    },
    "person": {"deceased": ()},
}  # fmt: skip

# --- what each does to an answer ------------------------------------------------------------------------------------

# A flag stands while a live event sets it and none of at least its source's rank, effective no earlier, releases it.
# Flags without a release end only when the event is corrected or withdrawn.
STAY_ENDS = ("bankruptcy_dismissed", "bankruptcy_lifted", "bankruptcy_terminated")
_STAYED = tuple(word for word in BANKRUPTCY if word not in {"bankruptcy_filed", *STAY_ENDS})
FLAGS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    **{("legal", status): ("bankruptcy_stay", STAY_ENDS) for status in _STAYED},
    ("legal", "enforcement_settled"): ("enforcement_settled", ("enforcement_resumed", "enforcement_completed")),
    ("person", "deceased"): ("deceased", ()),
    ("person", "incapacitated"): ("represented", ()),  # a guardian stands for the person
    ("person", "represented"): ("represented", ()),
    ("person", "do_not_contact"): ("do_not_contact", ()),
    ("person", "hardship"): ("hardship_plan", ()),
    ("dispute", "identity_fraud"): ("identity_fraud", ()),
    ("dispute", "objected"): ("dispute_open", ("complaint_rejected",)),
    ("dispute", "not_my_debt"): ("dispute_open", ("complaint_rejected",)),
    ("dispute", "complaint_open"): ("complaint_open", ("complaint_upheld", "complaint_rejected")),
    ("collection", "suspended"): ("do_not_contact", RECOVERY),
}
# A discharged debt is not collected again: neither end of the proceedings releases it.
FLAGS["legal", "bankruptcy_discharged"] = ("bankruptcy_stay", ())

LEGAL_CLASS: dict[str, str] = {
    "pre_mediation": "pre_court",
    "mediated": "pre_court",
    "judicially_confirmed": "judged",
    "payment_order": "judged",
    "filed": "in_court",
    "judged": "judged",
    "appealed": "in_court",
    "effective": "judged",
    "enforcing": "enforcing",
    "enforcement_settled": "enforcing",
    "enforcement_terminated_round": "enforcing",
    "enforcement_resumed": "enforcing",
    "enforcement_completed": "closed",
    "dishonest_listed": "enforcing",
    **dict.fromkeys(BANKRUPTCY, "bankruptcy"),
    **dict.fromkeys(STAY_ENDS, "closed"),
}
CLOSES = frozenset({"settled", "paid_off", "closed"})
# Several of these are true of one person at once, so they never contradict one another.
ADDITIVE = frozenset({"person"})

# --- placement ------------------------------------------------------------------------------------------------------

HELD = ("assigned", "accepted", "held_over")
_UNPLACED = ("draft", "declined", "returned", "recalled", "mandate_expired")
# action: (who, from which placements, to which).
ACTIONS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "assign": ("creditor", _UNPLACED, "assigned"),
    "accept": ("agency", ("assigned",), "accepted"),
    "decline": ("agency", ("assigned",), "declined"),
    "return": ("agency", ("accepted", "held_over"), "returned"),
    "hold_over": ("creditor", ("accepted", "held_over"), "held_over"),
    "recall": ("creditor", HELD, "recalled"),
    "claim_assign": ("creditor", (*_UNPLACED, *HELD), "claim_assigned"),
    "expire": ("registry", HELD, "mandate_expired"),
}
REQUESTABLE = tuple(action for action in ACTIONS if action != "expire")
# What may still happen to a case that collection has closed.
AFTER_CLOSING = frozenset({"decline", "return", "recall", "claim_assign", "expire"})

REFERENCE_KINDS = ("court_case", "mediation_file")
