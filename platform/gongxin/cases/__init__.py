"""Cases: what creditors placed, who works it, and what those who know have asserted of it.

| 中文 | here | meaning |
|---|---|---|
| 案件 | case | one claim placed for collection; its subject is a key (`case_keys`) |
| 委托、留案、撤案、退案 | placement | assign, hold over, recall, return: a state machine, by action |
| 状态 | event | (case, axis, status, effective day, source, basis): appended, never changed |
| 更正、撤回 | correction, withdrawal | a further event that supersedes the asserter's own earlier one |
| 案号 | court case number | what a case carries, and by which a court's word reaches every case that does |
| 司法主张 | claim | a court's step said by another than the court: with its number, ranked as its source |
| 停催标记 | stop flag | set and released by events: what a look-up answers |
| 债权转让 | claim assignment | the creditor is no longer the creditor; final |

The law behind it: 企业破产法 19 (enforcement stops on acceptance), 深圳经济特区个人破产条例 (stay, discharge period),
民事诉讼法 (stages and 终结本次执行程序), PIPL 6, 8 (minimum, accuracy) and 46 (correction).

Start at `vocabulary.py`, where everything that can be said stands on one screen, then `rules.py`. The state of a case
is a projection of its events, stored with it in the same transaction (`service/projecting.py`), so that a look-up reads
one row. Who sees a case: its creditor, the agency it is placed with, the mediator whose file it carries.
"""
