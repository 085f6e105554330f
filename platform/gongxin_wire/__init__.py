"""What both ends must compute alike: the registry and the members' software import it, and it imports neither.

| 中文 | English | where |
|---|---|---|
| 盲化令牌 | blind token (RFC 9497) | voprf |
| 证件号规范形式 | normalised identifier | identifiers |
| 案号 | court case number | case_numbers |
| 规范 JSON | canonical JSON (RFC 8785) | canonical |
| 默克尔树 | Merkle tree (RFC 6962) and its proofs | merkle |
| 签名检查点、见证签名 | checkpoints, cosignatures, proofs as text (C2SP) | notes |
| 瓦片 | tiles (C2SP tlog-tiles) | tiles |
| 加盐承诺 | salted commitment: what a leaf of the log holds | commitments |
| 个人信息探测 | detection of personal numbers in free text | pii |
"""
