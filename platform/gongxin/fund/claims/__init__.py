"""Claims: relief for debtors in hardship, protection of staff; paid to no party, under the yes of two institutions.

| 中文 | here | meaning |
|---|---|---|
| 救助申请 | RELIEF claim | for a person known by blind token, through a mediator, agency, court or the association |
| 保障申请 | STAFF claim | for an agent: injury, assault, legal aid, counselling |
| 评估 | assessment | what of it is granted, and what each cap cut, line by line |
| 复核机构 | reviewer | the second institution that approves, besides the association |
| 关联受益人 | related beneficiary | declared and checked: same member, same agent, same account |
| 停催 | `hardship_plan` | set on the person's open cases while relief is under way, lifted as its term ends |

filed → assessed → approved → held → instructed → paid; or returned, appealed, rejected, withdrawn. Start at
`service.py`;
what is refused by the database stands in the migration `fund_claims`.
"""
