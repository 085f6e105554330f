"""联邦 Federation: registries that answer one another without trusting one another.

| 中文 | here | meaning |
|---|---|---|
| 对等登记处 | peer | another registry, known by its address and the keys that two administrators pinned |
| 自述 | description | what a registry says of itself, signed by each live key (RFC 7515, JSON serialisation) |
| 指纹 | fingerprint | of a federation key: its RFC 7638 thumbprint, compared aloud by administrators of both sides |
| 往来 | exchange | one signed question and its signed answer (RFC 9421), kept with both signatures |
| 对等协议 | peer agreement | which purposes and data types a peer may ask about, and how often a day; versioned |

Built so far: peers, their keys, agreements, signed exchanges. Forwarded look-ups and mirrors build on `exchange`.
Begin with `rules.py`, then `service.py`; `messages.py` signs and verifies.
"""
