"""The transparency log: what was recorded, in which order, provable to anyone for ever, and erasable all the same.

| 中文 | English | where |
|---|---|---|
| 透明日志 | transparency log: a Merkle tree over leaves (RFC 6962) | models, tree |
| 叶 | leaf: a salted commitment to a record; says nothing of it | gongxin_wire.commitments |
| 揭示 | opening: salt and record, kept apart from the leaf | models |
| 排序 | sequencing: waiting leaves get their place, a checkpoint is signed | service, migration 0007 |
| 检查点 | checkpoint: size and root, signed (C2SP signed note) | service |
| 瓦片 | tile: 256 hashes of one level (C2SP tlog-tiles) | tree, api |
| 见证 | witness: a member that cosigns checkpoints, round by round (docs/adr/0008-witness-rounds.md) | witnesses |
| 分叉 | split view: two signed heads that contradict each other | gongxin_wire.splits |
| 时间戳 | time stamp of a checkpoint by an authority (RFC 3161) | stamps, gongxin_wire.stamps |
| 擦除 | erasure: the opening is deleted, the leaf stays, a leaf says so | service |
| 重建核验 | rebuilding the tree from the leaves and holding it against what was signed | verify |

A verb that must be provable calls `service.append` in its own transaction; nothing waits for the tree. Within a second
(MAX_MERGE_DELAY_SECONDS) the worker has integrated the leaf and signed a checkpoint over it.

Law: PIPL art. 47 (erasure), art. 51 (records of processing), E-Signature Law art. 5 to 8 (integrity of data messages),
rules on electronic evidence of the People's Courts Online Litigation art. 16 to 19. Where to start: `service.py`.
"""
