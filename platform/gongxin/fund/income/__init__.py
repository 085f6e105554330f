"""Income: levies, penalties, donations; invoiced after two officers' approval, dunned by the clock, booked as it comes.

| 中文 | here | meaning |
|---|---|---|
| 计费基数 | base | commission of a month: what contracts agreed, or what the member states with evidence |
| 风险系数 | coefficient | from the conduct of an agency's people; a rule pack, explained line by line |
| 批次 | run | charges shown together, approved by two officers, issued; then never changed |
| 账单 | charge | one invoice with a public reference and a day it is due; its calculation is fixed with it |
| 贷项通知 | credit note | a charge that takes from another |
| 催缴 | dunning | reminders by the clock, none while an objection is open |
| 异议 | objection | a member's word against a charge; answered within working days |

Start at `service.py`; what is refused by the database stands in the migration `fund_income`.
"""
