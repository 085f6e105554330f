"""The ledger: double entry in integer fen, balanced in each fund, posted by one UPDATE that the database checks.

| 中文 | here | meaning |
|---|---|---|
| 科目 | account | of one type, fund and (perhaps) restriction; opened and closed, never changed |
| 限定用途 | restriction | money given for a purpose: it moves only between accounts of that purpose |
| 会计期间 | period | open → closing (what is submitted is decided) → closed (frozen, carried forward, signed) |
| 分录 | entry | draft → submitted → approved → posted; rejected, withdrawn, expired |
| 借 / 贷 | debit / credit | the side of a leg; its amount is a positive integer in fen |
| 冻结 | hold | part of an account that no other entry may spend |
| 冲销 | reversal | the posted entry with its sides changed; once, and never itself reversed |
| 试算平衡表 | trial balance | opening, debits, credits, closing of each account; signed as a period closes |
| 经办人 / 复核人 | maker / approver | officers; never the same person, by whatever account or spelling |

Amounts of postings are signed, debit positive. What guards all of it stands in the migrations `fund` and
`fund_posting`; `rules.py` says the same in words for people. Start at `service.py`.
"""
