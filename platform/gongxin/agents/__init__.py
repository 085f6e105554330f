"""Agents: the people who contact debtors; who holds a licence, from which agency, with which certificates.

| 中文 | here | meaning |
|---|---|---|
| 催收员 | agent | a natural person, known by a key of the data set `agent`; the name lies sealed |
| 执照、执照号 | licence, licence number | one a person, for life; GX and 11 characters, the last a check |
| 状态 | state | applied → checking → granted / refused; granted ↔ suspended → revoked / expired / surrendered |
| 转会 | release, claim | one agency releases, another claims: in one instant, none without and none with two |
| 上岗、高级、债务顾问证书 | certificate | basic, senior, debt counsellor; from a passed examination and hours |
| 暂不受理期 | bar | three years after a refusal or revocation |
| 机构备案 | filing | an agency's scope and who answers for it; needed before its people are licensed |
| 关注 | watch | whoever checked a person is told of changes, on the same ground, until a day |
| 核验 | check | a bank placing, an agency hiring, the association or a regulator: a signed answer |

The law behind it: PIPL 13, 23, 28 (a person's file given to another handler: purpose and consent), 51 (sealed at rest);
Labour Law 15 and the Law on the Protection of Minors 61 (no minors). Hours, marks, terms and bars are data with their
source in `data/training.json`. Start at `service.py`; the table of moves is in `rules.py`.
"""
