"""互助基金 The mutual-aid fund: other people's money, so that every fen can be traced.

| 中文 | here | meaning |
|---|---|---|
| 救助金 | RELIEF | temporary relief for debtors in hardship |
| 从业人员保障金 | STAFF | protection of staff: injury, assault, legal aid, counselling |
| 管理费 | ADMIN | the fund's own costs |

`ledger`: double entry, holds, periods, export, audit. Levies, claims, bank files and public reports stand on it.
The law behind it: 社会团体登记管理条例 (an association's money and its use), 慈善法 for donations with a purpose
where it applies.
"""
