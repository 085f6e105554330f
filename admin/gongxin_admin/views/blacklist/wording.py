"""The words of the section: states with their mood, steps with what follows from each, tabs."""

from gongxin.blacklist import pack

from ... import languages

# state -> 中文, English, mood
STATES = {
    "reported": ("待受理", "to triage", "wait"),
    "accepted": ("待告知", "to be notified", "wait"),
    "noticed": ("申辩期", "time to reply", "act"),
    "hearing": ("待听证", "hearing asked", "wait"),
    "deliberation": ("审议中", "in deliberation", "wait"),
    "decided": ("待送达", "to be served", "wait"),
    "standing": ("在列", "listed", "bad"),
    "appealed": ("复核中", "under appeal", "wait"),
    "upheld": ("在列（复核维持）", "listed (upheld)", "bad"),
    "varied": ("在列（已变更）", "listed (varied)", "bad"),
    "joined": ("已并案", "joined", "over"),
    "refused": ("不予受理", "refused", "over"),
    "dismissed": ("不列入", "not listed", "good"),
    "withdrawn": ("已撤销", "withdrawn", "over"),
    "lapsed": ("已失效", "lapsed", "over"),
    "expired": ("已期满", "expired", "over"),
}
# tab -> 中文, English, states
TABS = {
    "reported": ("受理", "Triage", ("reported",)),
    "accepted": ("告知", "Notice", ("accepted",)),
    "noticed": ("申辩", "Reply", ("noticed",)),
    "deliberation": ("审议", "Deliberation", ("hearing", "deliberation")),
    "decided": ("送达", "Service", ("decided",)),
    "appealed": ("复核", "Appeal", ("appealed",)),
    "listed": ("在列", "Listed", ("standing", "upheld", "varied")),
    "ended": ("已结", "Ended", ("joined", "refused", "dismissed", "withdrawn", "lapsed", "expired")),
}
# step -> 中文, English, what follows (中文, English)
STEPS = {
    "report": ("举报", "Report", "", ""),
    "accept": ("受理", "Accept", "交由所选委员会；{notice} 个工作日内须告知被举报方。",
               "Goes to the committee chosen; notice must reach the reported party within {notice} working days."),
    "join": ("并案", "Join", "本件并入同一对象的另一件，就此终结。",
             "This matter ends and is dealt with in the other one on the same subject."),
    "refuse": ("不予受理", "Refuse", "本件终结；理由随结果告知举报方。",
               "The matter ends; the reporter hears the reasons."),
    "notice": ("登记告知送达", "Record service of notice",
               "自送达日起 {reply} 个工作日为申辩期；被举报方即可查阅本件。",
               "{reply} working days to reply from the day of service; the reported party reads the matter from now."),
    "reply": ("代录申辩", "Record a reply", "以被举报方名义入卷，随即进入审议。",
              "Goes into the file as the party's word; deliberation begins."),
    "close_reply": ("申辩期满，转审议", "Close the time to reply", "未申辩不等于承认：委员会依在卷材料审议。",
                    "Silence admits nothing: the committee decides on the record."),
    "ask_hearing": ("代录听证申请", "Record a request for a hearing", "先听证，后审议。",
                    "A hearing comes before deliberation."),
    "hold_hearing": ("登记听证", "Record the hearing", "听证要点入卷，转入审议。",
                     "Its essence goes into the file; deliberation goes on."),
    "extend": ("延长决定期限", "Extend the clock", "只能延长一次，至 {decision_extended} 个工作日。",
               "Once only, to {decision_extended} working days."),
    "draft": ("拟决定稿", "Draft the decision", "新稿替换旧稿，已投的票作废；拟稿人不得表决，也不得签发。",
              "A new draft replaces the old one and its votes; who drafts neither votes nor signs."),
    "decide": ("签发决定", "Sign the decision", "{service} 日内须送达；送达前不生效、不对外。",
               "It must be served within {service} days; until then it has no effect and nobody is told."),
    "serve": ("登记决定送达", "Record service of the decision",
              "即日生效并通知应知机构；L1 即时中止执照；{appeal} 日内可申请复核。",
              "In force today; those concerned are told; L1 suspends the licence at once; {appeal} days to appeal."),
    "dismiss": ("登记不列入的送达", "Record service: not listed", "本件终结，任何查询均不显示。",
                "The matter ends and shows in no answer."),
    "appeal": ("代录复核申请", "Record an appeal", "复核期间该条目显示有争议。",
               "The entry reads contested meanwhile."),
    "assign": ("指定复核委员会", "Assign the appeal", "须为另一委员会；原承办与表决者不得参与。",
               "Another committee; who kept or voted on the matter first takes no part."),
    "uphold": ("维持", "Uphold", "列入继续有效，不再有争议标记。", "The entry stands and is no longer contested."),
    "vary": ("变更", "Vary", "只能减轻；曾被告知的机构逐一收到更正。",
             "Never heavier; everyone who was told receives a correction."),
    "withdraw": ("撤销", "Withdraw", "即时移出名单；曾被告知的机构逐一收到更正。",
                 "Off the list at once; everyone who was told receives a correction."),
    "order_stop": ("决定临时停止作业", "Order an interim stop", "查询只显示停止至某日；最长 {interim} 日。",
                   "A check shows only the day until which; {interim} days at most."),
    "end_stop": ("解除临时停止", "End the interim stop", "即时解除。", "Ends at once."),
    "lapse": ("逾期失效", "Lapse", "", ""),
    "expire": ("期满移出", "Expire", "", ""),
}  # fmt: skip
# How the record names what the buttons call otherwise.
DONE = {
    "notice": ("告知", "Notice"), "reply": ("申辩", "Reply"), "ask_hearing": ("申请听证", "Request for a hearing"),
    "hold_hearing": ("听证", "Hearing"), "serve": ("送达决定", "Service of the decision"),
    "dismiss": ("送达：不列入", "Service: not listed"), "appeal": ("申请复核", "Appeal"),
    "close_reply": ("转审议", "To deliberation"), "draft": ("拟稿", "Draft"), "decide": ("决定", "Decision"),
}  # fmt: skip
SUBJECTS = {"agent": ("催收员", "agent"), "agency": ("受托机构", "agency"), "member": ("会员机构", "member")}
SEVERITIES = {
    "S1": ("S1 暴力或犯罪", "S1 crime or violence"),
    "S2": ("S2 严重", "S2 grave"),
    "S3": ("S3 轻微", "S3 minor"),
}
LEVELS = {
    "L1": ("L1 列入", "L1 listed"),
    "L2": ("L2 列入", "L2 listed"),
    "L3": ("L3 列入", "L3 listed"),
    "watch": ("关注", "watch"),
    "none": ("不列入", "not listed"),
}
CHANNELS = {
    "in_person": ("当面", "in person"),
    "agency": ("经所在机构", "through the agency"),
    "registered_post": ("挂号邮寄", "registered post"),
    "platform": ("平台", "on the platform"),
    "announcement": ("公告", "announcement"),
}
PROOFS = {"recording": ("录音录像", "recording"), "document": ("文书", "document"), "image": ("图片", "image"),
          "message": ("讯息", "message")}  # fmt: skip
PARTIES = {"office": ("协会", "association"), "clock": ("系统时限", "the clock"),
           "reported": ("被举报方", "reported party"), "member": ("举报方", "reporter")}  # fmt: skip
CAUSES = {"listed": ("新列入", "newly listed"), "varied": ("变更", "varied"), "withdrawn": ("撤销", "withdrawn")}
DID = {
    "updated": ("已更新本方记录", "own records updated"), "reinstated": ("已恢复", "reinstated"),
    "removed": ("已移除", "removed"), "suspended": ("已停用", "suspended"),
    "no_record": ("本方无记录", "no record held"), "nothing_needed": ("无需处理", "nothing needed"),
}  # fmt: skip
OBJECTIONS = {"objection": ("异议", "objection"), "factual_error": ("事实错误", "factual error")}
OUTCOMES = {"accepted": ("采纳", "accepted"), "rejected": ("不采纳", "rejected")}


def state(name: str) -> tuple[str, str]:
    """The word of a state, and its mood."""
    zh, en, mood = STATES[name]
    return languages.both(zh, en), mood


def of(words: dict[str, tuple[str, str]], name: str | None) -> str:
    return "—" if name is None else languages.both(*words[name]) if name in words else name


def step(name: str) -> str:
    return languages.both(*STEPS[name][:2])


def done(name: str) -> str:
    """The step as the record names it."""
    return languages.both(*DONE[name]) if name in DONE else step(name)


def follows(name: str) -> str:
    """What the step does, with the pack's clocks filled in."""
    clocks = {clock: rule.get("working_days") or rule["days"] for clock, rule in pack.pack()["clocks"].items()}
    return languages.both(*STEPS[name][2:]).format(**clocks, interim=pack.pack()["interim_days"])


def article(code: str) -> str:
    rule = pack.pack()["articles"][code]
    return f"{code} {languages.both(rule['zh'], rule['en'])}"


def options(words: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, languages.both(*pair)) for name, pair in words.items()]


def proposals(acts: tuple[str, ...]) -> list[tuple[str, str]]:
    """What a draft may propose at this stage."""
    return [(act, languages.both("作出决定", "a decision") if act == "decide" else step(act)) for act in acts]
