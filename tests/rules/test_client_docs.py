"""docs/members.md says what the client does: its commands, exit codes, methods and numbers are held to the code."""

import re
from pathlib import Path

import click

import gongxin_client
from gongxin_client import Registry, errors
from gongxin_client import cli as command_line
from gongxin_client.cli import main
from gongxin_client.importing.columns import HEADERS
from gongxin_wire.canonical import b64u
from gongxin_wire.identifiers import normalise
from gongxin_wire.voprf import oprf

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "members.md").read_text("utf-8")


def commands(group: click.Group = main, before: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{before}{name} ")
        else:
            found[f"{before}{name}"] = command
    return found


def test_every_command_is_on_the_page_and_every_command_of_the_page_exists() -> None:
    table = PAGE.split("| 命令 command |")[1].split("\n\n")[0]
    told = set(re.findall(r"`([a-z -]+)`", table))
    assert told == set(commands())


def test_every_line_that_is_to_be_typed_has_options_that_exist() -> None:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        words = line.split("#")[0].split()
        assert words.pop(0) == "gongxin-member"
        known = commands()
        name = words[0] if words[0] in known else " ".join(words[:2])
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_the_exit_codes_are_one_table_in_three_places() -> None:
    rows = re.findall(r"^\| ([0-5]) \| (.+?) \| (.+?) \|$", PAGE, re.M)
    module = re.findall(r"^\| ([0-5]) \| (.+?) \| (.+?) \|$", command_line.__doc__ or "", re.M)
    assert rows == module
    assert [code for code, _, _ in rows] == list("012345")
    assert all(f"{code} " in command_line.EPILOG for code, _, _ in rows)
    raised = {
        kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert raised == {2, 3, 4, 5}


def test_the_methods_and_names_of_the_sdk_s_example_exist() -> None:
    for method in set(re.findall(r"registry\.([a-z_]+)\(", PAGE)):
        assert hasattr(Registry, method), method
    [names] = re.findall(r"from gongxin_client import (.+)", PAGE)
    assert {name.strip() for name in names.split(",")} <= set(gongxin_client.__all__)
    compile(re.findall(r"```python\n(.*?)```", PAGE, re.S)[0], "members.md", "exec")


def test_the_headers_the_page_names_are_known() -> None:
    every = {header for headers in HEADERS.values() for header in headers}
    assert {"借据号", "合同号", "证件类型", "证件号码", "立案日期", "放款日期", "案号"} <= every


def test_the_worked_example_of_the_blind_token_is_the_function_s() -> None:
    secret, public = oprf.derive_key_pair(b"\x01" * 32, b"gongxin example", oprf.VOPRF)
    data = normalise("cn_id", "990000195001080009").octets
    assert data.decode().replace("|", "\\|") in PAGE
    scalar = int.from_bytes(b"\x02" * 31 + b"\x00", "little")
    [blinded] = oprf.blind([data], blinds=[scalar])
    [evaluated] = oprf.evaluate(secret, [blinded.element])
    token = oprf.token(oprf.finalize(data, scalar, evaluated))
    for value in (public, blinded.element, evaluated, token):
        assert f"`{b64u(value)}`" in PAGE
