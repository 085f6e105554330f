"""An import of many cases by the command line of members, and what memory it takes on both sides."""

import csv
import subprocess
import sys
from pathlib import Path

from gongxin_client import Profile, keys
from gongxin_client import profile as profiles
from gongxin_wire.identifiers import synthetic_cn_id

from .world import ROOT, World


def peaks(world: World, count: int) -> tuple[float, float]:
    """Peak resident megabytes of (the command, the largest process of the registry) while `count` cases go in."""
    registry, folder = world.large, world.data_dir / "import"
    folder.mkdir()
    key = keys.signing_key(registry.bank.key)
    keys.save(key, folder / "bank.pem")
    ours_is = Profile(registry.config.issuer, str(registry.bank.client_id), key, key_path=folder / "bank.pem")
    profiles.write(ours_is, folder / "bank.toml")
    _export(folder / "cases.csv", count)
    serving = _children(world.port)
    for pid in serving:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    command = [sys.executable, "-m", "gongxin_client", "import", str(folder / "cases.csv")]
    importing = subprocess.Popen(
        [*command, "--profile", str(folder / "bank.toml"), "--json"],
        cwd=ROOT,
        env={"PYTHONPATH": "platform:admin", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
    )
    ours = 0.0
    while importing.poll() is None:
        ours = max(ours, _peak(importing.pid))
        try:
            importing.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    said = importing.stdout.read().decode() if importing.stdout else ""
    if importing.returncode or f'"created": {count}' not in said:
        raise RuntimeError(f"the import ended with {importing.returncode}: {said[-500:]}")
    return ours, max(_peak(pid) for pid in serving)


def _export(path: Path, count: int) -> None:
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["合同号", "证件类型", "证件号码", "放款日期"])
        for number in range(count):
            writer.writerow([f"HT-{number:07d}X", "身份证", synthetic_cn_id(number), "2025年3月4日"])


def _children(port: int) -> list[int]:
    """The processes of gunicorn on this port."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"127.0.0.1:{port}".encode() in words:
            found.append(int(folder.name))
    return found


def _peak(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    _, _, rest = text.partition("VmHWM:")
    return int(rest.split()[0]) / 1024 if rest else 0.0
