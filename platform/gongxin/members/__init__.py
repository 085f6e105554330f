"""Members: the institutions that exchange, how they stand, what each agreed to.

| 中文 | here | meaning |
|---|---|---|
| 会员机构 | member | bank, court, agency, mediator, regulator or association, one 统一社会信用代码 each |
| 机构状态 | state | applied → active ↔ suspended → left; a suspension holds from the next request on, `left` for good |
| 变更记录 | change | one step of the state, with its reason and who made it; recording it is what makes it so |
| 法院代字 | court code | what a court's case numbers carry (沪0115); one sitting court each |
| 会员协议 | agreement | purposes, data types, budgets and contacts, in versions; older ones stay on record |
| 查询额度 | budget | look-ups a day for one purpose; `evaluation`: blind evaluations a day |
| 联络岗位 | office | whom to reach at the institution, by the office's e-mail; never a person's number |

The law behind it: PIPL articles 20 and 21 (joint and entrusted handling is agreed in writing: purpose, kinds of data,
measures), 23 (providing to another handler), 6 (purpose limitation); GB 32100-2015 for the code. Clients and keys of a
member belong to `access`. Start at `service.py`; the tables of states and purposes are in `rules.py`.
"""
