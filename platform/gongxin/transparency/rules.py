"""Pure decisions on the log: its name, what an erasure must say."""

from urllib.parse import urlsplit

from gongxin.errors import Invalid

MAX_MERGE_DELAY_SECONDS = 1
MERGE_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
MAX_GROUND = 200
PURPOSE_ENDED = "purpose_ended"
# Why a record may be erased: PIPL art. 47 paragraph 1 (1), (3), (4); a court's or an authority's order.
BECAUSE = {
    PURPOSE_ENDED: ("处理目的已实现或不再必要", "the purpose has ended"),
    "consent_withdrawn": ("撤回同意", "consent was withdrawn"),
    "unlawful": ("违法或违约处理", "it was processed unlawfully"),
    "ordered": ("法院或监管机构决定", "a court or authority ordered it"),
}


def origin_of(issuer: str) -> str:
    """The log's name: where it is served, without the scheme (C2SP tlog-tiles). Once taken it is kept for ever."""
    parts = urlsplit(issuer)
    return f"{parts.netloc}{parts.path}/log".replace("+", "%2B")


def check_ground(ground: str) -> str:
    """Why an opening is erased. Raises Invalid at /ground where it says nothing or too much."""
    kept = ground.strip()
    if not 1 <= len(kept) <= MAX_GROUND or not kept.isprintable():
        raise Invalid(
            "invalid_field",
            zh="擦除依据应为 1 至 200 个可见字符",
            en="The ground of an erasure is 1 to 200 printable characters",
            fix_zh="写明法律依据或决定文号。",
            fix_en="Name the provision or the decision.",
            pointer="/ground",
        )
    return kept


def check_because(because: str) -> None:
    """Raises Invalid at /because for what is none of `BECAUSE`."""
    if because not in BECAUSE:
        raise Invalid(
            "invalid_field",
            zh="擦除理由不在所列之中",
            en="It is no reason to erase",
            fix_zh=f"应为 {'、'.join(BECAUSE)} 之一。",
            fix_en=f"One of {', '.join(BECAUSE)}.",
            pointer="/because",
        )
