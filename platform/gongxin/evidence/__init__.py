"""Evidence: fingerprints of what stays with its owner, who had it since, how long it is kept.

| 中文 | here | meaning |
|---|---|---|
| 证据 | evidence | a recording, letter, photograph, contract: its fingerprint, its matter, what is claimed |
| 指纹 | fingerprint | SHA-256, and SM3 (GB/T 32905) where given, with size and media type; never the content |
| 保管链 | custody | created, moved, disclosed, destroyed, held, released: each holds the digest of the one before |
| 批量指纹 | batch | up to 100,000 fingerprints under one Merkle root, one leaf; the owner keeps the list |
| 保存期限 | retention | at least until, and by default until: from the rules kept as data with their source |
| 法律保全 | legal hold | while it lasts the evidence is not destroyed |
| 开启值 | opening | record and salt of the leaf: what the owner shows to prove that the leaf is this evidence |

What is proven: that this fingerprint was registered by this member no later than the checkpoint whose log holds it. Not
that the content is true, nor who speaks in it (docs/evidence.md).

The law behind it: 民法典 188 (limitation), 民事诉讼法 66 (electronic data as evidence), 民事诉讼证据的若干规定
14 and 93–94 (what electronic data is, how it is examined), 人民法院在线诉讼规则 16–19 (data kept in a chain of blocks),
电子签名法 5 and 8 (integrity), PIPL 19 and 47 (storage no longer than needed). Start at `service.py`; `rules.py` holds
retention and custody, `reading.py` the strict reading of what comes in.
"""
