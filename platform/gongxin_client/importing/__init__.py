"""`gongxin-member import cases.csv`: a core-banking export becomes registered cases, once each, whatever is killed.

| 中文 | here | meaning |
|---|---|---|
| 列映射 | mapping | which column holds which field, a TOML file over usual headers (`columns.py`) |
| 行 | row | as a spreadsheet numbers it: the header is row 1 (`sheet.py`) |
| 本地校验 | check | what is refused before anything is sent (`values.py`) |
| 导入日志 | journal | what was sent and what came back, on the disk before the next step (`journal.py`) |

Only mapped columns are read; names, phone numbers and amounts of the export never leave the file. Start at `run.py`.
"""

from .columns import Mapping, read_mapping
from .run import Report, import_cases

__all__ = ["Mapping", "Report", "import_cases", "read_mapping"]
