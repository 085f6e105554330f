"""Standard contracts, fee caps, commissions: written once, checked by machine, followed to the last fen.

| 中文 | here | meaning |
|---|---|---|
| 合同范本 | template | standard text in versions, Chinese and English side by side, adopted by the association |
| 条款、锁定条款 | clause, locked | what no contract may change; deviations from the others are listed with a reason |
| 封面 | cover | the typed facts of one contract: parties, scope, fees, term, bank, contacts |
| 费率模型 | fee model | `fees/`: tiers by age, round, amount |
| 佣金上限 | cap | `caps/`: bitemporal data with authority and citation |
| 回款 | recovery | reported by the agency, confirmed by the creditor |
| 佣金 | commission | min(half-up(rate), floor(cap)) on a recovery, less deductions |
| 对账单 | statement | a month's commissions and claw-backs, agreed or disputed line by line; the levy's base |

The law behind it: Civil Code 470, 496–498 (standard terms), 577, 919–936 (mandate); Antimonopoly Law 17, 21, 56 (an
association sets no price of its own: a cap has a source and an authority, else it informs and refuses nothing).
"""
