"""What the fund tells the public each quarter, and what it keeps to itself so that nobody is told by a small number.

| 中文 | here | meaning |
|---|---|---|
| 季度披露 | quarterly report | income, relief by cause and region, reserves, share of administration, ratios |
| 小格抑制 | suppression | a cell of fewer than five payments is not told, nor what would give it away by subtraction |

慈善法 and 社会团体登记管理条例 (an association discloses income and use). Start at `service.py`.
"""
