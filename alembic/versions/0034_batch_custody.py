"""Custody and legal hold of a batch, and of each file of it: chains of their own, by the rules of single files.

`item` is the SHA-256 of a file of the batch, null for the whole; the registry keeps no list, so an event of a
file brings the file's place and Merkle path, and the database follows it to the batch's root."""

from alembic import op

revision = "0034"
down_revision = "0033"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_CALLER = "(select gongxin_caller())"
_CHINA = "at time zone 'Asia/Shanghai')::date"


def upgrade() -> None:
    _tables()
    _functions()
    _chain()
    _erasure()


def _tables() -> None:
    op.execute(
        """
        create table evidence_batch_custody (
            id uuid not null,
            batch_id uuid not null,
            member_id uuid not null,
            item bytea,
            place integer,
            path bytea,
            position integer not null,
            event text not null,
            at timestamptz not null,
            recipient text,
            basis text,
            previous bytea not null,
            digest bytea not null,
            recorded_at timestamptz not null,
            commitment bytea not null,
            constraint pk_evidence_batch_custody primary key (id),
            constraint uq_evidence_batch_custody_batch_id_item_position
                unique nulls not distinct (batch_id, item, position),
            constraint fk_evidence_batch_custody_batch_id foreign key (batch_id) references evidence_batches (id),
            constraint ck_evidence_batch_custody_event check (
                event in ('moved', 'disclosed', 'destroyed', 'held', 'released')
            ),
            constraint ck_evidence_batch_custody_item check (
                (item is null) = (place is null) and (item is null) = (path is null)
                and octet_length(item) = 32 and place >= 0 and octet_length(path) % 32 = 0
                and octet_length(path) <= 544
            ),
            constraint ck_evidence_batch_custody_recipient check (
                (event in ('moved', 'disclosed')) = (recipient is not null)
                and char_length(recipient) between 1 and 120
            ),
            constraint ck_evidence_batch_custody_basis check (char_length(basis) between 1 and 200),
            constraint ck_evidence_batch_custody_at check (
                at between '1980-01-01T00:00:00Z' and recorded_at + interval '10 minutes'
            ),
            constraint ck_evidence_batch_custody_digest check (
                octet_length(previous) = 32 and octet_length(digest) = 32 and octet_length(commitment) = 32
            )
        )
        """
    )
    op.execute(
        """
        create table evidence_batch_states (
            batch_id uuid not null,
            item bytea not null,
            member_id uuid not null,
            version integer not null,
            head bytea not null,
            held boolean not null default false,
            destroyed_at timestamptz,
            constraint pk_evidence_batch_states primary key (batch_id, item),
            constraint fk_evidence_batch_states_batch_id foreign key (batch_id) references evidence_batches (id)
        )
        """
    )
    op.execute(
        "create trigger append_only before update or delete on evidence_batch_custody"
        " for each row execute function refuse_but_erasure('id')"
    )
    for table in ("evidence_batch_custody", "evidence_batch_states"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"grant select on {table} to gongxin_web")
        op.execute(
            f"create policy own on {table} for select to gongxin_web"
            f" using (member_id = {_CALLER} or (select gongxin_kind()) = 'registry')"
        )
    op.execute(
        "create policy add on evidence_batch_custody for insert to gongxin_web"
        f" with check (member_id = {_CALLER} and exists (select from evidence_batches b where b.id = batch_id))"
    )
    op.execute("grant insert on evidence_batch_custody to gongxin_web")


def _functions() -> None:
    # gongxin_wire.evidence.batch_custody_digest, to the byte; a test holds the two together.
    op.execute(
        """
        create function batch_custody_digest(p evidence_batch_custody) returns bytea language sql stable
        return sha256(convert_to(
            'gongxin custody 1' || chr(10)
            || '{"at":"' || to_char((p).at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","basis":' || coalesce(to_json((p).basis)::text, 'null')
            || ',"batch_id":"' || (p).batch_id || '","event":"' || (p).event
            || '","item":' || coalesce('"' || encode((p).item, 'hex') || '"', 'null')
            || ',"member_id":"' || (p).member_id
            || '","position":' || (p).position || ',"previous":"' || encode((p).previous, 'hex')
            || '","recorded_at":"' || to_char((p).recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","to":' || coalesce(to_json((p).recipient)::text, 'null') || ',"v"\\:1}', 'UTF8'))
        """
    )
    # RFC 9162 section 2.1.3.2 over a leaf's hash: the root that its path leads to, null where it leads nowhere.
    op.execute(
        """
        create function merkle_path_root(p_hash bytea, p_index bigint, p_size bigint, p_path bytea) returns bytea
        language plpgsql immutable as $$
        declare
            fn bigint := p_index;
            sn bigint := p_size - 1;
            r bytea := p_hash;
            p bytea;
        begin
            if p_index >= p_size then
                return null;
            end if;
            for i in 0 .. octet_length(p_path) / 32 - 1 loop
                p := substr(p_path, i * 32 + 1, 32);
                if sn = 0 then
                    return null;
                end if;
                if fn & 1 = 1 or fn = sn then
                    r := sha256('\\x01'::bytea || p || r);
                    while fn & 1 = 0 and fn <> 0 loop
                        fn := fn >> 1;
                        sn := sn >> 1;
                    end loop;
                else
                    r := sha256('\\x01'::bytea || r || p);
                end if;
                fn := fn >> 1;
                sn := sn >> 1;
            end loop;
            return case when sn = 0 then r end;
        end $$
        """
    )
    for function in ("batch_custody_digest(evidence_batch_custody)", "merkle_path_root(bytea, bigint, bigint, bytea)"):
        op.execute(f"revoke execute on function {function} from public")


def _chain() -> None:
    refusals = [
        ("batch_custody_destroyed", "nothing follows destruction", "own.destroyed_at is not null or gone"),
        (
            "batch_custody_item",
            "the file is not in the batch",
            "new.item is not null and merkle_path_root(sha256('\\x00'::bytea || new.item), new.place, batch.count,"
            " new.path) is distinct from batch.root",
        ),
        ("batch_custody_position", "events follow one another", "new.position <> own.version + 1"),
        ("batch_custody_previous", "an event holds the digest of the one before", "new.previous <> own.head"),
        ("batch_custody_digest", "the digest is of another event", "new.digest <> batch_custody_digest(new)"),
        ("batch_custody_held", "evidence under a legal hold is kept", "new.event = 'destroyed' and (own.held or kept)"),
        (
            "batch_custody_retention",
            "the least retention is not over",
            f"new.event = 'destroyed' and (new.recorded_at {_CHINA} < batch.keep_at_least_until",
        ),
        (
            "batch_custody_hold",
            "a hold is placed where there is none and released where there is one",
            "new.event = 'held' and own.held or new.event = 'released' and not own.held",
        ),
    ]
    tests = "".join(
        f"""
            if {test} then
                raise exception '{words}' using errcode = 'integrity_constraint_violation', constraint = '{name}';
            end if;"""
        for name, words, test in refusals
    )
    # The batch's row is held, so that its chains do not run past one another. `kept`: another hold that keeps it: the
    # whole's for a file, any file's for the whole. `gone`: the whole was destroyed.
    op.execute(
        f"""
        create function evidence_batch_chain() returns trigger language plpgsql {_SAFE} as $$
        declare
            batch evidence_batches;
            own evidence_batch_states;
            gone boolean;
            kept boolean;
        begin
            select * into batch from evidence_batches b where b.id = new.batch_id for update;
            select * into own from evidence_batch_states s
            where s.batch_id = new.batch_id and s.item = coalesce(new.item, '');
            if not found then
                own.version := 0;
                own.head := coalesce(new.item, batch.root);
                own.held := false;
            end if;
            gone := exists (select from evidence_batch_states s
                where s.batch_id = new.batch_id and s.item = '' and s.destroyed_at is not null);
            kept := exists (select from evidence_batch_states s
                where s.batch_id = new.batch_id and s.held and (new.item is null or s.item = ''));
            {tests}
            insert into evidence_batch_states as s (batch_id, item, member_id, version, head, held, destroyed_at)
            values (new.batch_id, coalesce(new.item, ''), batch.member_id, 1, new.digest, new.event = 'held',
                case when new.event = 'destroyed' then new.at end)
            on conflict (batch_id, item) do update set version = new.position, head = new.digest,
                held = case new.event when 'held' then true when 'released' then false else s.held end,
                destroyed_at = case when new.event = 'destroyed' then new.at end;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger chain after insert on evidence_batch_custody"
        " for each row execute function evidence_batch_chain()"
    )


def _erasure() -> None:
    # A batch is erased with its custody, event by event, the batch last; a hold on any of it refuses.
    op.execute(
        f"""
        create function evidence_batch_erased() returns trigger language plpgsql {_SAFE} as $$
        declare
            batch uuid := coalesce(
                (select c.batch_id from evidence_batch_custody c where c.id = new.leaf_id), new.leaf_id);
        begin
            perform from evidence_batches b where b.id = batch for update;
            if exists (select from evidence_batch_states s where s.batch_id = batch and s.held) then
                raise exception 'it is under a legal hold'
                    using errcode = 'integrity_constraint_violation', constraint = 'erasure_held';
            end if;
            delete from evidence_batch_custody where id = new.leaf_id;
            if new.kind = 'evidence_batch' then
                delete from evidence_batch_states where batch_id = new.leaf_id;
            end if;
            return null;
        end $$
        """
    )
    op.execute(
        "create trigger of_a_batch after insert on erasures for each row"
        " when (new.kind in ('custody', 'evidence_batch')) execute function evidence_batch_erased()"
    )
    op.execute(
        f"""
        create function batch_custody_erased_whole() returns trigger language plpgsql {_SAFE} as $$
        begin
            if exists (select from evidence_batches where id = old.batch_id) then
                raise exception 'custody is erased with its evidence'
                    using errcode = 'integrity_constraint_violation', constraint = 'custody_erased_whole';
            end if;
            return null;
        end $$
        """
    )
    op.execute(
        "create constraint trigger erased_whole after delete on evidence_batch_custody deferrable initially deferred"
        " for each row execute function batch_custody_erased_whole()"
    )


def downgrade() -> None:
    op.execute("drop trigger of_a_batch on erasures")
    op.execute("drop function evidence_batch_erased()")
    op.execute("drop function batch_custody_digest(evidence_batch_custody)")
    for table in ("evidence_batch_states", "evidence_batch_custody"):
        op.execute(f"drop table {table}")
    for function in (
        "evidence_batch_chain()",
        "batch_custody_erased_whole()",
        "merkle_path_root(bytea, bigint, bigint, bytea)",
    ):
        op.execute(f"drop function {function}")
