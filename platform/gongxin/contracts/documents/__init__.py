"""合同文件 Documents of a contract: made from its content and signatures alone, and read back.

| 中文 | here | meaning |
|---|---|---|
| 文本 | paper | the words of a contract in the order of printing: PDF and DOCX hold these and no others |
| 修订对照 | redline | what one version takes out and puts in, clause by clause |
| 比对 | comparing | an uploaded DOCX or PDF against the words on record, every difference by clause |

Start at `paper.py`, then `service.py`. What comes in is read by `word_in.py` and `pdf_in.py`, as hostile as any upload.
"""
