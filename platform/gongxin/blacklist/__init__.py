"""The violations list (行业风险名单): agents, agencies, members, never debtors; the process that alone leads to it.

| 中文 | here | meaning |
|---|---|---|
| 举报 | report, matter | conduct, place, days, article, fingerprints of evidence: one matter, one process |
| 受理、并案、不予受理 | accept, join, refuse | what the association makes of a report within five working days |
| 告知、送达 | notice, serve | channel and proof; the person may be reachable through the agency alone |
| 申辩、听证 | reply, hearing | the reported party's word; ten working days, after which the record decides |
| 委员会、回避 | committee, recusal | seats by officer; a declared conflict counts out; who drafts does not vote |
| 列入 L1、L2、L3；关注 | listing, watch | with a term; a watch is told to the association and the employer alone |
| 复核 | appeal | by another committee; the entry reads contested meanwhile |
| 更正送达 | correction | whoever was told hears what changed, and says what it did |
| 批量筛查 | screening | up to 10,000 people in one signed receipt, a proof for each line |

The law behind it: Administrative Penalty Law 44, 45, 63 (notice, reply, hearing) as the model; PIPL 24, 44-50
(automated decisions, access, correction); Civil Code 1024, 1029 (reputation, wrong entries). Terms, severities, clocks
and limits are data with their source in `data/process.json`. Start at `rules.py`: the table of moves is the process.
"""
