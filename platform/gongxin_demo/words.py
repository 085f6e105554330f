"""The registry's words as people say them."""

from gongxin_client import Answer

RESULTS = {
    "none": ("他处没有记录", "nothing elsewhere"),
    "match": ("他处有记录", "a record elsewhere"),
    "no_ground": ("依据不成立，什么也没有说", "no ground: nothing was said"),
}
FLAGS = {
    "bankruptcy_stay": "破产保护",
    "deceased": "已故",
    "represented": "已有代理",
    "do_not_contact": "不得联系",
    "identity_fraud": "冒名",
    "dispute_open": "争议未决",
    "complaint_open": "投诉未决",
    "hardship_plan": "困难救助",
    "enforcement_settled": "执行和解",
}
CLASSES = {
    "none": "无诉讼",
    "pre_court": "诉前",
    "in_court": "诉讼中",
    "judged": "已判决",
    "enforcing": "执行中",
    "closed": "已了结",
    "bankruptcy": "破产程序",
}
PURPOSES = {
    "placement": "委托前",
    "contact": "联系前",
    "judicial": "审判",
    "mediation": "调解",
    "supervision": "监督",
    "subject_access": "本人查阅",
}
OUTCOMES = {"refused": "已拒绝", "told": "已告知"} | {code: zh for code, (zh, _) in RESULTS.items()}


def answer(found: Answer) -> tuple[str, str]:
    """What came back, in one line of each language."""
    zh, en = RESULTS[found.result]
    if found.result == "no_ground":
        return zh, en
    flags = found.stop_flags or ()
    stops = "、".join(FLAGS[flag] for flag in flags) or "无"
    legal = found.legal_class or "none"
    return (
        f"{zh}；停催标记：{stops}；法律状态：{CLASSES[legal]}",
        f"{en}; stop flags: {', '.join(flags) or 'none'}; legal class: {legal}",
    )


def short(found: Answer) -> str:
    """For the table at the end."""
    flags = [f"{FLAGS[flag]} {flag}" for flag in found.stop_flags or ()]
    legal = [] if found.legal_class in {None, "none"} else [f"{CLASSES[found.legal_class or '']} {found.legal_class}"]
    return " · ".join([f"{found.result}", *flags, *legal])
