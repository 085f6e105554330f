"""Subjects: people and organisations that the registry knows only as keys.

| 中文 | here | meaning |
|---|---|---|
| 被催收人 | subject | the person asked about; never a name or number here |
| 盲化令牌 | token | 32 bytes from RFC 9497 VOPRF(ristretto255, SHA-512), made by the member's SDK |
| 主体键 | subject key | HMAC-SHA256(pepper, data set, epoch, token): all that is stored |
| 密钥期 | epoch | one VOPRF key's life: next → live → retiring → retired; two are open while keys rotate |
| 数据集 | data set | a purpose of keys: tokens of one data set mean nothing in another |

The law behind it: PIPL articles 6 (data minimisation), 51 (de-identification and encryption). Members can still ask
about anyone whose number they hold: enumeration is bounded by "no case, no answer" and budgets, not by this
cryptography. Start at `service.py`; who evaluates is one function in `evaluator.py`, so that it can run elsewhere.
"""
