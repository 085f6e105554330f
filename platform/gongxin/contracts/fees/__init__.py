"""Fee models (费率模型): what an agency may charge on what it recovered, as typed data.

| 中文 | here | meaning |
|---|---|---|
| 账龄 | age | M1 … M24, M24+: months overdue as the money came in |
| 手别 | round | first, second, … placement of the case |
| 档 | tier | ages × rounds × an amount from (included) to (excluded), with its rate |
| 分段累进、全额 | marginal, whole | each slice at its own rate; all of it at the rate of where the total lies |
| 不计佣部分 | carve-out | parts of a recovery that bear no commission |
| 扣减 | deduction | what is taken off the commission |
| 回拨 | claw-back | what is paid back when the debtor's payment is reversed |

`model.py` reads and refuses, `pricing.py` prices line by line, `drawing.py` gives the table and the curve. All pure;
only `money.py` rounds.
"""
