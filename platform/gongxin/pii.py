"""The PII guard: no request carries an ID-card number, phone, bank card or licence plate into the registry."""

from typing import Any

from gongxin_wire.pii import find_pii

from .errors import Invalid

KIND_NAMES = {
    "id_card": ("居民身份证号", "an ID-card number"),
    "phone": ("手机号码", "a phone number"),
    "bank_card": ("银行卡号", "a bank-card number"),
    "licence_plate": ("车牌号", "a licence plate"),
}


def refuse_pii(value: Any, pointer: str = "") -> None:
    """Walks strings of a JSON value (keys too) and raises Invalid naming the pointer, never the text found."""
    if isinstance(value, str):
        finding = find_pii(value)
        if finding is not None:
            zh, en = KIND_NAMES.get(finding.kind, ("个人信息", "personal data"))
            raise Invalid(
                "personal_data_in_text",
                zh=f"文本中含有{zh}",
                en=f"The text carries {en}",
                fix_zh="请删除该号码；查询个人请使用盲化令牌。",
                fix_en="Remove the number; ask about a person by blind token.",
                pointer=pointer,
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_pii(key, pointer)
            refuse_pii(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            refuse_pii(item, f"{pointer}/{index}")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**10:
        refuse_pii(str(abs(value)), pointer)
