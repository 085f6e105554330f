"""Files become evidence: hashed here, registered by fingerprint, proven later, reported to a court.

| 中文 | here | meaning |
|---|---|---|
| 指纹 | fingerprint | SHA-256, and SM3 on demand, of a file of any size in constant memory (`hashing.py`) |
| 登记 | add | a folder hashed and registered, restartable by its journal (`adding.py`, `journal.py`) |
| 证明文件 | proof | all that a verifier needs beside the file, in one JSON file (`proofs.py`) |
| 核验 | verify | step by step, pure: what is proven, what is only stated, what fails and where (`verifying.py`) |
| 核验报告 | report | the steps as one JSON file and one page to print (`report.py`, `page.py`) |

No file leaves the machine, and no name of a file either.
"""
