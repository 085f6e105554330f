"""Access 接入: who may ask. The registry is authorization server and resource server for the clients of its members.

客户端 client: a program of a member · 密钥 key: its public key or certificate, at most two live · 令牌 token: five
minutes, `at+jwt` (RFC 9068) · 持有证明 proof: DPoP (RFC 9449) or a certificate (RFC 8705) · 用途授权 grant:
`authorization_details` of type `gongxin_lookup` (RFC 9396) · 撤销 revocation.

Serves PIPL 个人信息保护法 art. 51 (access is limited and authenticated) and art. 6 (a stated purpose, the least data).

Start at `service.py`. `jose.py` reads signed texts, `rules.py` judges them, `proofs.py` binds a sender, `tokens.py`
makes and checks tokens (the hot path), `grants.py` is the token endpoint, `clients.py` keeps clients and their keys,
`registry_keys.py` our own.
"""
