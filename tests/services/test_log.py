"""The log's verbs, and what the database refuses whatever the code above it tries."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.db import name_caller
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.transparency import erasing, keys, queries, rules, service
from gongxin_wire import commitments, merkle, notes
from gongxin_wire.canonical import canonical
from tests.conftest import act_for

ERASE = (
    "select erase_record(cast(:leaf as uuid), gen_random_uuid(), decode(repeat('00', 32), 'hex'),"
    " json_build_object('leaf_id', cast(:leaf as uuid))::text, 'ordered', '决定', now())"
)
RECORD = {"what": "一件事", "n": 1}


@pytest.fixture
def log(session: Session, config: Config) -> Session:
    service.start(session, config)
    # What other tests have left waiting has its place before a test begins.
    while service.sequence(session, config):
        pass
    return session


def appended(
    session: Session, config: Config, *, kind: str = "epoch", owner: uuid.UUID | None = None
) -> service.Promise:
    promise = service.append(session, kind=kind, record=RECORD, owner=owner)
    service.sequence(session, config)
    return promise


def refusal(session: Session, statement: str, **parameters: object) -> tuple[str, str]:
    """(SQLSTATE, constraint) of what the database refuses."""
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(statement), parameters)
    found = caught.value.orig
    return found.sqlstate, found.diag.constraint_name or ""  # type: ignore[union-attr]


# --- append ---------------------------------------------------------------------------------------------------------


def test_a_leaf_waits_and_within_one_sequencing_stands_under_a_signed_checkpoint(log: Session, config: Config) -> None:
    before = queries.size_of(log)
    promise = service.append(log, kind="epoch", record=RECORD)
    assert queries.find_waiting(log, promise.leaf_id) is not None
    assert queries.find_leaf(log, promise.leaf_id) is None
    assert service.sequence(log, config) == 1
    leaf = queries.find_leaf(log, promise.leaf_id)
    assert leaf is not None
    assert leaf.leaf_index == before
    assert queries.find_waiting(log, promise.leaf_id) is None
    (key,) = keys.verifiers(log)
    found, _ = notes.open_checkpoint(queries.shown_note(log, before + 1) or "", key)
    assert (found.size, found.root) == (before + 1, queries.root(log))


@pytest.mark.parametrize("kind", sorted(commitments.KINDS))
def test_database_and_wire_compute_the_same_leaf(log: Session, config: Config, kind: str) -> None:
    promise = appended(log, config, kind=kind)
    leaf, opening = queries.find_leaf(log, promise.leaf_id), service.opening(log, promise.leaf_id)
    assert leaf is not None
    assert leaf.commitment == promise.commitment == commitments.commit(opening.salt, RECORD)
    assert leaf.leaf_hash == merkle.leaf_hash(commitments.entry(promise.leaf_id, kind, promise.commitment))
    assert service.opened_record(opening) == RECORD


def test_two_records_alike_are_two_leaves_that_nobody_can_tell_alike_in_order(log: Session, config: Config) -> None:
    one, other = service.append_many(log, kind="evidence", records=[RECORD, RECORD])
    assert one.commitment != other.commitment
    service.sequence(log, config)
    places = [queries.find_leaf(log, promise.leaf_id) for promise in (one, other)]
    assert places[0] is not None
    assert places[1] is not None
    assert places[0].leaf_index + 1 == places[1].leaf_index


def test_a_leaf_may_carry_its_record_s_identifier_and_only_once(log: Session, config: Config) -> None:
    chosen = uuid.uuid4()
    assert service.append(log, kind="epoch", record=RECORD, leaf_id=chosen).leaf_id == chosen
    again = "select log_append(array[cast(:id as uuid)], 'epoch', :salt, '{}', null)"
    assert refusal(log, again, id=chosen, salt=bytes(32)) == ("23505", "pk_log_openings")
    service.sequence(log, config)
    assert refusal(log, again, id=chosen, salt=bytes(32)) == ("23505", "log_append_once")


def test_an_erased_leaf_s_identifier_is_not_taken_again(log: Session, config: Config) -> None:
    promise = appended(log, config, kind="court_event")
    erasing.erase(log, promise.leaf_id, ground="主体请求")
    again = "select log_append(array[cast(:id as uuid)], 'epoch', :salt, '{}', null)"
    assert refusal(log, again, id=promise.leaf_id, salt=bytes(32)) == ("23505", "log_append_once")


@pytest.mark.parametrize("record", [{"n": float("nan")}, {"n": 2**53}])
def test_a_record_that_has_no_canonical_form_is_refused(log: Session, record: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        service.append(log, kind="epoch", record=record)


def test_a_kind_that_is_none_is_refused_twice(log: Session) -> None:
    with pytest.raises(ValueError, match="kind"):
        service.append(log, kind="rumour", record=RECORD)
    statement = "select log_append(array[cast(:id as uuid)], 'rumour', :salt, '{}', null)"
    assert refusal(log, statement, id=uuid.uuid4(), salt=bytes(32)) == ("23514", "ck_log_waiting_kind")


@pytest.mark.parametrize("salts", [b"", bytes(31), bytes(64)])
def test_salts_and_records_go_together(log: Session, salts: bytes) -> None:
    statement = "select log_append(array[cast(:id as uuid)], 'epoch', :salt, '{}', null)"
    assert refusal(log, statement, id=uuid.uuid4(), salt=salts)[1] == "log_append_aligned"


@pytest.mark.parametrize("records", ["{}\n{}", ""])
def test_a_leaf_has_one_record_and_a_record_one_leaf(log: Session, records: str) -> None:
    statement = "select log_append(array[cast(:id as uuid)], 'epoch', :salt, nullif(:records, ''), null)"
    assert refusal(log, statement, id=uuid.uuid4(), salt=bytes(32), records=records)[0] == "23502"


PLAIN = st.dictionaries(
    st.text(st.characters(codec="ascii"), max_size=4),
    st.text(max_size=8)
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.booleans()
    | st.none()
    | st.lists(st.text(max_size=3)),
    max_size=5,
)


@given(PLAIN | st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_the_quick_canonical_form_is_the_canonical_form(record: dict[str, object]) -> None:
    try:
        wanted = canonical(record)
    except ValueError:
        with pytest.raises(ValueError):
            service.canonical_text(record)
    else:
        assert service.canonical_text(record) == wanted


# --- sequence -------------------------------------------------------------------------------------------------------


def test_where_nothing_waits_nothing_is_signed(log: Session, config: Config) -> None:
    before = queries.newest_checkpoint(log)
    assert service.sequence(log, config) == 0
    assert queries.newest_checkpoint(log) is before


def test_a_portion_is_taken_at_a_time_and_none_is_left(log: Session, config: Config) -> None:
    start = queries.size_of(log)
    promises = service.append_many(log, kind="epoch", records=[{"n": n} for n in range(25)])
    assert [service.sequence(log, config, 10) for _ in range(4)] == [10, 10, 5, 0]
    leaves = queries.leaves(log, start, start + 25)
    assert [leaf.leaf_id for leaf in leaves] == [promise.leaf_id for promise in promises]
    assert [leaf.leaf_index for leaf in leaves] == list(range(start, start + 25))


@pytest.mark.parametrize("sizes", [(1, 255, 1), (256,), (300, 300), (66_000,)])
def test_the_root_the_database_gives_is_that_of_the_tree(log: Session, config: Config, sizes: tuple[int, ...]) -> None:
    for count in sizes:
        service.append_many(log, kind="epoch", records=[{"n": n} for n in range(count)])
        service.sequence(log, config, 10**6)
    hashes = log.execute(text("select leaf_hash from log_leaves order by leaf_index")).scalars().all()
    assert queries.root(log) == merkle.root(hashes)


def test_a_new_key_signs_under_the_same_name_and_the_old_one_stays(log: Session, config: Config) -> None:
    appended(log, config)
    old_size = queries.size_of(log)
    keys.rotate(log, config)
    appended(log, config)
    old, new = keys.verifiers(log)
    assert (old.name, old.key_id == new.key_id) == (new.name, False)
    notes.open_checkpoint(queries.shown_note(log, old_size) or "", old)
    notes.open_checkpoint(queries.shown_note(log, old_size + 1) or "", new)
    with pytest.raises(notes.NoteError):
        notes.open_checkpoint(queries.shown_note(log, old_size + 1) or "", old)


def test_two_keys_never_sign_at_once(log: Session) -> None:
    statement = "insert into log_keys (id, origin, public_key, sealed_private) values (gen_random_uuid(), 'x', :k, :k)"
    assert refusal(log, statement, k=bytes(32)) == ("23505", "ix_log_keys_one_signs")


@pytest.mark.parametrize(
    ("issuer", "origin"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080/log"),
        ("https://registry.example/gx", "registry.example/gx/log"),
        ("https://registry.example/a+b", "registry.example/a%2Bb/log"),
    ],
)
def test_the_log_is_named_by_where_it_is_served(issuer: str, origin: str) -> None:
    assert rules.origin_of(issuer) == origin
    notes.check_name(origin)


# --- what the database refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "insert into log_waiting values (gen_random_uuid(), 'epoch', :b)",
        "delete from log_waiting",
        "insert into log_leaves values (0, gen_random_uuid(), 'epoch', :b, :b)",
        "update log_leaves set commitment = :b",
        "update log_leaves set leaf_index = leaf_index + 1",
        "delete from log_leaves",
        "insert into log_tiles values (0, 0, :b, :b)",
        "update log_tiles set root = :b",
        "delete from log_tiles",
        "update log_checkpoints set root = :b",
        "delete from log_checkpoints",
        "insert into log_openings values (gen_random_uuid(), null, :b, '{}')",
        "update log_openings set salt = :b",
        "delete from log_openings",
        "update log_keys set public_key = :b",
        "delete from log_keys",
    ],
)
def test_the_web_role_changes_neither_content_nor_order(log: Session, statement: str) -> None:
    parameters = {"b": bytes(32)} if ":b" in statement else {}
    assert refusal(log, statement, **parameters)[0] == "42501"


@pytest.mark.parametrize("table", ["log_leaves", "log_tiles", "log_checkpoints"])
def test_not_even_the_owner_changes_what_is_in_the_log(owner_engine: Engine, config: Config, table: str) -> None:
    with owner_engine.connect() as connection, Session(connection) as owner:
        name_caller(owner, None, "registry")
        service.append_many(owner, kind="epoch", records=[{"n": n} for n in range(257)])
        service.start(owner, config)
        service.sequence(owner, config)
        for statement in (f"delete from {table}", f"update {table} set {next(iter(_first_column(table)))} = 5"):
            assert refusal(owner, statement)[1] == f"append_only_{table}"
        assert refusal(owner, "update log_openings set record = ''")[1] == "log_openings_fixed"
        connection.rollback()


def _first_column(table: str) -> list[str]:
    return {"log_leaves": ["leaf_index"], "log_tiles": ["level"], "log_checkpoints": ["size"]}[table]


def test_a_checkpoint_that_is_not_of_the_log_as_it_stands_is_refused(log: Session, config: Config) -> None:
    appended(log, config)
    size, root, key = queries.size_of(log), queries.root(log), queries.signing_key(log)
    assert key is not None
    service.append(log, kind="epoch", record=RECORD)
    queries.integrate(log, 10)
    add = "insert into log_checkpoints (size, root, note, key_id, signed_at) values (:size, :root, :note, :key, now())"
    true = queries.root(log)

    def refused(claimed: int, claimed_root: bytes, note_size: int, note_root: bytes) -> str:
        note = notes.Checkpoint(key.origin, note_size, note_root).text + "\n— x AAAAAAA=\n"
        return refusal(log, add, size=claimed, root=claimed_root, note=note, key=key.id)[1]

    for claim in (
        (size + 2, true, size + 2, true),
        (size + 1, root, size + 1, root),
        (size + 1, true, size + 1, root),
        (size + 1, true, size, true),
        (0, merkle.EMPTY_ROOT, 0, merkle.EMPTY_ROOT),
    ):
        assert refused(*claim) in {"log_checkpoints_true", "pk_log_checkpoints"}
    note = notes.Checkpoint(key.origin, size + 1, true).text + "\n— x AAAAAAA=\n"
    log.execute(text(add), {"size": size + 1, "root": true, "note": note, "key": key.id})


@pytest.mark.parametrize("kind", ["bank", "association"])
def test_only_the_registry_sequences_and_signs(log: Session, config: Config, kind: str) -> None:
    service.append(log, kind="epoch", record=RECORD)
    act_for(log, uuid.uuid4(), kind)
    assert refusal(log, "select * from log_integrate(10)")[1] == "log_integrate_registry"
    key = queries.signing_key(log)
    assert key is not None
    size, root = queries.size_of(log), queries.root(log)
    note = notes.Checkpoint(key.origin, size, root).text + "\n— x AAAAAAA=\n"
    add = "insert into log_checkpoints (size, root, note, key_id, signed_at) values (:size, :root, :note, :key, now())"
    assert refusal(log, add, size=size, root=root, note=note, key=key.id)[0] == "42501"


# --- openings and erasure -------------------------------------------------------------------------------------------


def test_an_opening_is_read_by_the_registry_and_its_owner_alone(log: Session, config: Config) -> None:
    owner = uuid.uuid4()
    promise = appended(log, config, owner=owner)
    assert service.opening(log, promise.leaf_id).owner_id == owner
    act_for(log, owner, "bank")
    assert service.opened_record(service.opening(log, promise.leaf_id)) == RECORD
    act_for(log, uuid.uuid4(), "bank")
    with pytest.raises(NotFound):
        service.opening(log, promise.leaf_id)


def test_erasing_leaves_the_leaf_its_proof_and_a_leaf_that_says_so_and_nothing_to_guess_by(
    log: Session, config: Config
) -> None:
    promise = appended(log, config, kind="court_event")
    leaf = queries.find_leaf(log, promise.leaf_id)
    assert leaf is not None
    commitment = leaf.commitment
    erasure = erasing.erase(log, promise.leaf_id, ground="个人信息保护法第四十七条")
    service.sequence(log, config)
    assert (
        log.execute(text("select count(*) from log_openings where leaf_id = :id"), {"id": promise.leaf_id}).scalar()
        == 0
    )
    stays, says = queries.find_leaf(log, promise.leaf_id), queries.find_leaf(log, erasure.leaf_id)
    assert stays is not None
    assert says is not None
    assert stays.commitment == commitment
    assert says.kind == "erasure"
    record = service.opened_record(service.opening(log, erasure.leaf_id))
    assert record == {
        "because": "purpose_ended",
        "erased_at": record["erased_at"],
        "ground": "个人信息保护法第四十七条",
        "leaf_id": str(promise.leaf_id),
    }
    hashes = log.execute(text("select leaf_hash from log_leaves order by leaf_index")).scalars().all()
    assert queries.root(log) == merkle.root(hashes)


def test_what_was_erased_is_erased_once(log: Session, config: Config) -> None:
    promise = appended(log, config, kind="court_event")
    erasure = erasing.erase(log, promise.leaf_id, ground="主体请求")
    with pytest.raises(NotFound):
        erasing.erase(log, promise.leaf_id, ground="主体请求")
    with pytest.raises(Conflict) as caught:
        erasing.erase(log, erasure.leaf_id, ground="主体请求")
    assert caught.value.code == "erasure_stands"
    assert refusal(log, ERASE, leaf=erasure.leaf_id)[1] == "log_erase_of_erasure"
    assert refusal(log, ERASE, leaf=promise.leaf_id)[1] == "log_erase_present"


def test_a_member_erases_nothing_not_even_its_own(log: Session, config: Config) -> None:
    owner = uuid.uuid4()
    promise = appended(log, config, kind="court_event", owner=owner)
    act_for(log, uuid.uuid4(), "bank")
    with pytest.raises(NotFound):
        erasing.erase(log, promise.leaf_id, ground="越权")
    act_for(log, owner, "bank")
    with pytest.raises(Conflict) as caught:
        erasing.erase(log, promise.leaf_id, ground="保管期届满")
    assert caught.value.code == "erasure_by"
    assert refusal(log, ERASE, leaf=promise.leaf_id)[1] == "erasure_by"
    forged = "select log_erase(cast(:leaf as uuid), gen_random_uuid(), :salt, :record)"
    record = f'{{"leaf_id":"{promise.leaf_id}"}}'
    assert refusal(log, forged, leaf=promise.leaf_id, salt=bytes(32), record=record)[0] == "42501"


@pytest.mark.parametrize("ground", ["", "  ", "x" * 201, "a\nb", "身份证11010519491231002X"])
def test_the_ground_of_an_erasure_says_something_and_names_nobody(log: Session, config: Config, ground: str) -> None:
    promise = appended(log, config, kind="court_event")
    with pytest.raises(Invalid) as caught:
        erasing.erase(log, promise.leaf_id, ground=ground)
    assert caught.value.pointer == "/ground"
