"""Standard text (合同范本): versions with their life, Chinese and English held to the same numbers.

draft → consulted (members comment) → adopted (two approvals, a day of effect) → superseded (by the next one's day).
Adopted text never changes: the database refuses it. `numerals.py` reads numbers out of both languages; `rules.py` says
what a template must hold; the association's first one is `data/service_agreement.json`.
"""
