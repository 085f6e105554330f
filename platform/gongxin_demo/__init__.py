"""The demonstration: a synthetic small province and its working day.

    python -m gongxin_demo run      plays the day, then keeps serving until Ctrl-C
    python -m gongxin_demo day      plays the day, stops everything, exits 0 (1 where a step failed)

| module | what it holds |
|---|---|
| runner | from nothing to a registry in service, the day on it, everything stopped again |
| processes | web and worker processes: started, watched, stopped |
| province | institutions, people and the banks' exports, made anew from a seed |
| members | the association admits the institutions; each makes its own key |
| day, acts, imports | the day through the SDK, step by step |
| proof, scan | receipts verified offline; no ID number in anything the registry keeps |
| screen, words | what the terminal shows |

Nobody here exists: ID numbers carry division codes beginning 99, courts codes that no court has (domain.md section 10).
"""
