"""`gongxin log verify`: an untouched log holds; whatever is changed behind its back is found and named."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.transparency import erasing, keys, queries, service
from gongxin.transparency import verify as rebuilding
from gongxin.transparency.verify import Difference, State, verify
from tests.services.log_world import OwnLog, own_log


@pytest.fixture
def log(server: str, config: Config) -> Iterator[OwnLog]:
    with own_log(server, config) as made:
        made.fill(3, 300, 1, 220)
        yield made


def difference(log: OwnLog) -> str:
    with pytest.raises(Difference) as caught:
        verify(log.engine, State())
    return str(caught.value)


TAMPERED = [
    ("update log_leaves set commitment = sha256('x') where leaf_index = 70", "leaf 70 (", "hash"),
    ("update log_leaves set kind = 'policy' where leaf_index = 70", "leaf 70 (", "hash"),
    ("update log_leaves set leaf_id = gen_random_uuid() where leaf_index = 70", "leaf 70 (", "hash"),
    ("update log_leaves set leaf_hash = sha256('x') where leaf_index = 70", "leaf 70 (", "hash"),
    ("delete from log_leaves where leaf_index = 70", "leaf 70 is missing", "71"),
    ("delete from log_leaves where leaf_index = 523", "leaf 523 is missing", "524"),
    ("update log_openings set salt = sha256('x') where leaf_id = :leaf", "leaf 70 (", "salt and record"),
    ("update log_openings set record = '{}' where leaf_id = :leaf", "leaf 70 (", "salt and record"),
    ("delete from log_openings where leaf_id = :leaf", "leaf 70 (", "no erasure says so"),
    (
        "update log_tiles set hashes = overlay(hashes placing sha256('x') from 33 for 32) where level = 0",
        "tile/0/000 differs",
        "hash 1",
    ),
    ("update log_tiles set root = sha256('x') where tile_index = 1", "tile/0/001", "level above"),
    (
        "update log_tiles set nodes = overlay(nodes placing sha256('x') from 97 for 32) where tile_index = 1",
        "tile/0/001",
        "other nodes inside",
    ),
    ("delete from log_tiles where tile_index = 1", "tile/0/001 is missing", ""),
    ("update log_checkpoints set root = sha256('x') where size = 303", "checkpoint of 303", "another root"),
    (
        "update log_checkpoints set note = replace(note, E'\\n303\\n', E'\\n304\\n') where size = 303",
        "checkpoint of 303",
        "does not verify",
    ),
    (
        "update log_checkpoints c set note = o.note from log_checkpoints o where c.size = 303 and o.size = 304",
        "checkpoint of 303",
        "something else",
    ),
    ("update log_keys set public_key = sha256('x')", "checkpoint of 0", "not signed by"),
    (
        "insert into log_leaves select 524, gen_random_uuid(), kind, commitment, leaf_hash from log_leaves limit 1",
        "leaf 524",
        "after the newest checkpoint",
    ),
]


@pytest.mark.parametrize(("statement", "where", "what"), TAMPERED, ids=range(len(TAMPERED)))
def test_what_was_changed_behind_the_log_s_back_is_found_and_named(
    log: OwnLog, statement: str, where: str, what: str
) -> None:
    verify(log.engine, State())
    with transaction(log.engine) as session:
        leaf_id = queries.leaves(session, 70, 71)[0].leaf_id
    statement = statement.replace("\\n", "\n") if "note = replace" in statement else statement
    assert log.tamper(statement, **({"leaf": leaf_id} if ":leaf" in statement else {})) >= 1
    said = difference(log)
    assert where in said
    assert what in said


def test_a_leaf_and_its_hash_changed_together_are_found_by_the_tree(log: OwnLog) -> None:
    log.tamper(
        "update log_leaves set commitment = sha256('x'),"
        " leaf_hash = sha256('\\x00'::bytea || log_entry(leaf_id, kind, sha256('x'))) where leaf_index = 70"
    )
    log.tamper("delete from log_openings where leaf_id = (select leaf_id from log_leaves where leaf_index = 70)")
    log.tamper("update log_openings set record = record where false")
    assert "leaf 70" in difference(log)  # the opening; with an erasure forged too, the tile or the checkpoint says it
    with transaction(log.engine) as session:
        leaf_id = queries.leaves(session, 70, 71)[0].leaf_id
        service.append(session, kind="erasure", record={"leaf_id": str(leaf_id), "ground": "forged"})
    assert "tile/0/000 differs from the tree, first in its hash 70" in difference(log)


def test_erased_leaves_are_counted_and_everything_else_still_holds(log: OwnLog) -> None:
    with transaction(log.engine) as session:
        for leaf in queries.leaves(session, 10, 14):
            erasing.erase(session, leaf.leaf_id, ground="主体请求")
    log.sequence()
    state = State()
    verify(log.engine, state)
    assert (state.edge.size, state.opened, state.erased, state.checkpoints) == (528, 524, 4, 6)


def test_it_is_laid_aside_and_taken_up_again_as_if_it_had_not_been(
    log: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "PORTION", 100)
    whole, kept = State(), []
    verify(log.engine, whole, lambda state: kept.append(state.dump()))
    assert len(kept) == 6
    log.fill(300)
    for text_ in kept:
        again = State.load(text_)
        verify(log.engine, again)
        assert (again.edge.size, again.checkpoints, again.opened) == (824, 6, 824)
    with pytest.raises(ValueError, match="state"):
        State.load('{"size": 0}')


def test_a_log_cut_back_behind_what_was_verified_is_found(log: OwnLog) -> None:
    state = State()
    verify(log.engine, state)
    log.tamper("delete from log_checkpoints where size > 304")
    log.tamper("delete from log_leaves where leaf_index >= 304")
    with pytest.raises(Difference, match="304 leaves under its newest checkpoint; 524 were verified before"):
        verify(log.engine, state)


def run(log: OwnLog, *arguments: str) -> tuple[int, Any]:
    environment = {
        "GONGXIN_DATABASE_URL": log.config.database_url,
        "GONGXIN_MIGRATION_DATABASE_URL": log.config.migration_database_url,
    }
    found = CliRunner().invoke(main, ["log", *arguments], env=environment)
    return found.exit_code, json.loads(found.stdout) if "--json" in arguments and found.stdout else found.output


def test_the_command_says_what_holds_and_ends_with_3_where_it_does_not(log: OwnLog, tmp_path: Path) -> None:
    state = tmp_path / "verified.json"
    code, body = run(log, "verify", "--json", "--state", str(state))
    assert (code, body["size"], body["difference"], body["resumed_from"]) == (0, 524, None, 0)
    code, body = run(log, "verify", "--json", "--state", str(state))
    assert (code, body["resumed_from"], body["checkpoints"]) == (0, 524, 5)
    assert "一致" in run(log, "verify")[1]
    log.tamper("update log_leaves set commitment = sha256('x') where leaf_index = 70")
    code, output = run(log, "verify")
    assert code == 3
    assert "leaf 70" in output
    state.write_text("{}")
    assert run(log, "verify", "--state", str(state))[0] == 2


def test_the_commands_show_a_leaf_the_keys_and_erase(log: OwnLog) -> None:
    with transaction(log.engine) as session:
        leaf = queries.leaves(session, 7, 8)[0]
        before = [str(key) for key in keys.verifiers(session)]
    code, body = run(log, "show", "--json", str(leaf.leaf_id))
    assert (code, body["leaf_index"], body["record"]) == (0, 7, {"n": 4})
    assert run(log, "erase", str(leaf.leaf_id), "--ground", "主体请求")[0] == 0
    code, body = run(log, "show", "--json", str(leaf.leaf_id))
    assert (code, body["leaf_index"], body["record"]) == (0, 7, None)
    assert run(log, "erase", str(leaf.leaf_id), "--ground", "主体请求")[0] == 2
    assert run(log, "show", "00000000-0000-7000-8000-000000000000")[0] == 2
    assert run(log, "key", "--json")[1] == [{"vkey": before[0], "signs": True}]
    code, body = run(log, "key", "--json", "--rotate")
    assert [each["signs"] for each in body] == [False, True]
    log.fill(5)
    assert run(log, "verify", "--json")[1]["difference"] is None


def test_a_first_checkpoint_stands_before_the_first_leaf(server: str, config: Config) -> None:
    with own_log(server, config) as made:
        verify(made.engine, State())
        with made.engine.connect() as connection:
            assert connection.execute(text("select size from log_checkpoints")).scalars().all() == [0]
