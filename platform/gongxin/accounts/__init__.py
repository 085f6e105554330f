"""账号 Accounts: the people of a member institution who sign in to the pages, their roles, how they prove who they are.

| 中文 | here | meaning |
|---|---|---|
| 账号 | account | one person of one member; the association's own officers too |
| 角色 | role | what the person may do; `rules.ROLES` says which kind of member has which |
| 邀请 | invitation | a link that works once, by which a person sets up the account |
| 通行密钥 | passkey | WebAuthn Level 3, user verified |
| 动态口令 | totp | RFC 6238, beside a password (argon2id, RFC 9106) |
| 恢复码 | recovery code | each works once |
| 会话 | session | a sign-in on one device, listed and ended by its owner |

An account is invited, active, locked or closed. Who signed in, how, and what was refused is a record (`sign_ins`); an
unknown login is answered as a wrong password is, in the same time. Begin with `rules.py`, then `sign_in.py`,
`passkeys.py`, `sessions.py`.
"""
