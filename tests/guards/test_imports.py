"""Who may import whom: the contracts of pyproject.toml; client and wire package where the registry is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ALONE = """
import sys
BLOCKED = ("gongxin", "gongxin_demo", "gongxin_admin", "flask", "sqlalchemy", "flask_smorest", "marshmallow", "psycopg",
           "alembic", "werkzeug", {more})
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Refuse())
import importlib, pkgutil
package = importlib.import_module("{package}")
for module in pkgutil.walk_packages(package.__path__, "{package}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("imported", len([name for name in sys.modules if name.split(".")[0] == "{package}"]))
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("platform", "admin"))}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_every_import_contract_is_kept() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    result = run(str(tool), "--no-cache") if tool.exists() else run(sys.executable, "-m", "importlinter.cli")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(("package", "more"), [("gongxin_wire", '"gongxin_client", "httpx"'), ("gongxin_client", "")])
def test_every_module_imports_where_the_registry_is_not_installed(package: str, more: str) -> None:
    result = run(sys.executable, "-c", _ALONE.format(package=package, more=more))
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) >= 1


@pytest.mark.parametrize("package", ["gongxin_wire", "gongxin_client"])
def test_the_block_itself_works(package: str) -> None:
    script = _ALONE.format(package=package, more="") + "\nimport gongxin.errors\n"
    result = run(sys.executable, "-c", script)
    assert result.returncode != 0
    assert "blocked: gongxin" in result.stderr
