"""Disclosure: who may learn what about whom, why, and the proof of what was said.

| 中文 | here | meaning |
|---|---|---|
| 查询 | look-up | a question about a subject, for a purpose, on a ground |
| 用途 | purpose | placement, contact, judicial, mediation, supervision, subject_access |
| 依据 | ground | the asker's own case, a 案号, or a file number: "no case, no answer" |
| 披露规则 | policy | versioned data: (asker's kind, its relation, purpose) → fields |
| 回执 | receipt | a JWS over the digests of question and answer (docs/receipts.md) |
| 查询留痕 | look-up record | written in the same statement as the answer is found; refusals too |
| 个人查阅 | subject access | the subject, through the association, sees who asked and why |

The law behind it: PIPL articles 6 (minimum necessary), 17 and 44–45 (the right to know and to a copy), 23 (provision to
others), 51 and 55–56 (records of processing). Start at `service.py`; what an asker learns is one SQL function,
`look_up`, in migration 0006.
"""
