"""The demonstration: a synthetic small province and its working day.

    python -m gongxin_demo run      plays the day, then keeps serving until Ctrl-C
    python -m gongxin_demo day      plays the day, stops everything, exits 0 (1 where a step failed)

| module | what it holds |
|---|---|
| province | institutions, people and the banks' exports, made anew from a seed |
| members | the association admits the institutions; each makes its own key |
| processes | database, web and worker processes: started, watched, stopped |
| day, acts | the day through the SDK, step by step |
| scan | looks for ID numbers in everything the registry keeps |
| screen | what the terminal shows |

Nobody here exists: ID numbers carry division codes beginning 99, courts codes that no court has (domain.md section 10).
"""
