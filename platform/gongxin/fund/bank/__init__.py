"""The bank: what the fund pays and what it is to receive, over files in and statements back.

| 中文 | here | meaning |
|---|---|---|
| 收款人 | payee | whom the fund pays: account and holder lie sealed; equality is asked by a keyed digest |
| 付款指令 | instruction | one payment to one payee, by a reference of its own; instructed → filed → sent → confirmed |
| 应收款 | expected | a payment the fund waits for, by its reference |
| 结果 | outcome | what the bank says of either; whoever asked for the payment is told in the same transaction |

A payee is never changed: another account is another payee, so that what was approved is what is paid. PIPL 51 (sealed
at rest), 支付结算办法 (a payment bears who ordered and who released it). Start at `service.py`.
"""
