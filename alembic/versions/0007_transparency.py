"""The log: leaves wait, are integrated in order and never change; tiles, checkpoints, the openings kept apart.

The web role reads. What it may add goes through functions that cannot do anything else: append (a commitment computed
here, from the opening kept here), integrate (the next indices, in order), erase (never without its own leaf)."""

from alembic import op

revision = "0007"
down_revision = "0006"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
# By index whatever the statistics say: neither appending nor sequencing may cost more as the log grows. For the same
# reason there are correlated subqueries and row addresses below where a join could be planned in a worse order.
_BY_INDEX = "set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off"
_KINDS = (
    "'member_state', 'agreement', 'client_key', 'policy', 'case_event', 'court_event', 'lookup', 'subject_access',"
    " 'epoch', 'erasure', 'evidence', 'evidence_batch', 'custody'"
)
_CALLABLE = (
    "log_append(uuid[], text, bytea, text, uuid)",
    "log_erase(uuid, uuid, bytea, text)",
    "log_integrate(integer)",
    "log_root()",
    "log_tile(integer, bigint, integer)",
    "log_path(uuid)",
)
_PLAIN = ("log_entry(uuid, text, bytea)", "log_fold(bytea)", "log_inner(bytea)")


def upgrade() -> None:
    _keys()
    _leaves()
    _tree()
    _checkpoints()
    _append()
    _integrate()
    for function in _CALLABLE:
        op.execute(f"revoke execute on function {function} from public")
        op.execute(f"grant execute on function {function} to gongxin_web")


def _protected(table: str, *, append_only: bool = True) -> None:
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"create policy read on {table} for select to gongxin_web using (true)")
    op.execute(f"grant select on {table} to gongxin_web")
    if append_only:
        op.execute(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )


def _keys() -> None:
    op.execute(
        """
        create table log_keys (
            id uuid not null,
            origin text not null,
            public_key bytea not null,
            sealed_private bytea not null,
            created_at timestamptz not null default now(),
            retired_at timestamptz,
            constraint pk_log_keys primary key (id),
            constraint ck_log_keys_public_key check (octet_length(public_key) = 32),
            constraint ck_log_keys_origin check (origin ~ '^[^[:space:]+]{1,255}$')
        )
        """
    )
    op.execute("create unique index ix_log_keys_one_signs on log_keys ((true)) where retired_at is null")
    _protected("log_keys", append_only=False)
    op.execute(
        "create policy make on log_keys for insert to gongxin_web with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute(
        "create policy retire on log_keys for update to gongxin_web using ((select gongxin_kind()) = 'registry')"
        " with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant insert, update (retired_at) on log_keys to gongxin_web")


def _leaves() -> None:
    op.execute(
        f"""
        create table log_waiting (
            leaf_id uuid not null,
            kind text not null,
            commitment bytea not null,
            constraint pk_log_waiting primary key (leaf_id),
            constraint ck_log_waiting_kind check (kind in ({_KINDS})),
            constraint ck_log_waiting_commitment check (octet_length(commitment) = 32)
        )
        """
    )
    _protected("log_waiting", append_only=False)
    op.execute(
        f"""
        create table log_leaves (
            leaf_index bigint not null,
            leaf_id uuid not null,
            kind text not null,
            commitment bytea not null,
            leaf_hash bytea not null,
            constraint pk_log_leaves primary key (leaf_index),
            constraint uq_log_leaves_leaf_id unique (leaf_id),
            constraint ck_log_leaves_kind check (kind in ({_KINDS})),
            constraint ck_log_leaves_hashes check (octet_length(commitment) = 32 and octet_length(leaf_hash) = 32)
        )
        """
    )
    _protected("log_leaves")
    # The record as canonical JSON, to the byte. Deleting the row is what erases.
    op.execute(
        """
        create table log_openings (
            leaf_id uuid not null,
            owner_id uuid,
            salt bytea not null,
            record text not null,
            constraint pk_log_openings primary key (leaf_id),
            constraint ck_log_openings_salt check (octet_length(salt) = 32)
        )
        """
    )
    op.execute("alter table log_openings enable row level security")
    op.execute(
        """
        create policy own on log_openings for select to gongxin_web
        using (owner_id = (select gongxin_caller()) or (select gongxin_kind()) = 'registry')
        """
    )
    op.execute("grant select on log_openings to gongxin_web")
    op.execute(
        """
        create function log_openings_fixed() returns trigger language plpgsql as $$
        begin
            raise exception 'an opening is erased or stands as it is'
                using errcode = 'integrity_constraint_violation', constraint = 'log_openings_fixed';
        end $$
        """
    )
    op.execute("create trigger fixed before update on log_openings for each row execute function log_openings_fixed()")


def _tree() -> None:
    # Full tiles alone; what is partial is read from the level below. `nodes`: what stands above the hashes inside the
    # tile, row by row (128, 64 … 1), so that a proof hashes nothing; `root`, the last of them, again by itself.
    op.execute(
        """
        create table log_tiles (
            level integer not null,
            tile_index bigint not null,
            hashes bytea not null,
            nodes bytea not null,
            root bytea not null,
            constraint pk_log_tiles primary key (level, tile_index),
            constraint ck_log_tiles_full check (
                octet_length(hashes) = 8192 and octet_length(nodes) = 8160 and octet_length(root) = 32
            ),
            constraint ck_log_tiles_level check (level between 0 and 7)
        )
        """
    )
    for column in ("hashes", "nodes"):
        op.execute(f"alter table log_tiles alter column {column} set storage external")
    _protected("log_tiles")
    # gongxin_wire.commitments.entry, to the byte; a test holds the two together.
    op.execute(
        """
        create function log_entry(p_id uuid, p_kind text, p_commitment bytea) returns bytea language sql immutable
        return convert_to(
            '{"commitment":"' || rtrim(translate(encode(p_commitment, 'base64'), '+/', '-_'), '=')
            || '","id":"' || p_id::text || '","kind":"' || p_kind || '","v"\\:1}', 'UTF8')
        """
    )
    # RFC 6962 over a row of hashes: pairs are hashed, an odd last one rises as it is, until one is left.
    op.execute(
        """
        create function log_fold(p_hashes bytea) returns bytea language plpgsql immutable as $$
        declare
            n integer := octet_length(p_hashes) / 32;
            pairs bytea;
        begin
            while n > 1 loop
                select string_agg(sha256('\\x01'::bytea || substr(p_hashes, i * 64 + 1, 64)), ''::bytea order by i)
                into pairs from generate_series(0, n / 2 - 1) i;
                p_hashes := case when n % 2 = 1 then pairs || substr(p_hashes, (n - 1) * 32 + 1, 32) else pairs end;
                n := octet_length(p_hashes) / 32;
            end loop;
            return p_hashes;
        end $$
        """
    )
    # The same, with every row on the way: gongxin_wire.tiles.inner without its first.
    op.execute(
        """
        create function log_inner(p_hashes bytea) returns bytea language plpgsql immutable as $$
        declare
            pairs bytea := p_hashes;
            nodes bytea := ''::bytea;
        begin
            while octet_length(pairs) > 32 loop
                select string_agg(sha256('\\x01'::bytea || substr(pairs, i * 64 + 1, 64)), ''::bytea order by i)
                into pairs from generate_series(0, octet_length(pairs) / 64 - 1) i;
                nodes := nodes || pairs;
            end loop;
            return nodes;
        end $$
        """
    )
    # The place of a leaf (8 bytes) and, where its tile is full, the eight siblings on its way up through it.
    op.execute(
        """
        create function log_path(p_id uuid) returns bytea language sql stable as $$
            select int8send(l.leaf_index) || coalesce((
                select substr(t.hashes, ((l.leaf_index & 255)::integer # 1) * 32 + 1, 32)
                    || substr(t.nodes, ((l.leaf_index & 255)::integer >> 1 # 1) * 32 + 1, 32)
                    || substr(t.nodes, (128 + ((l.leaf_index & 255)::integer >> 2 # 1)) * 32 + 1, 32)
                    || substr(t.nodes, (192 + ((l.leaf_index & 255)::integer >> 3 # 1)) * 32 + 1, 32)
                    || substr(t.nodes, (224 + ((l.leaf_index & 255)::integer >> 4 # 1)) * 32 + 1, 32)
                    || substr(t.nodes, (240 + ((l.leaf_index & 255)::integer >> 5 # 1)) * 32 + 1, 32)
                    || substr(t.nodes, (248 + ((l.leaf_index & 255)::integer >> 6 # 1)) * 32 + 1, 32)
                    || substr(t.nodes, (252 + ((l.leaf_index & 255)::integer >> 7 # 1)) * 32 + 1, 32)
                from log_tiles t where t.level = 0 and t.tile_index = l.leaf_index >> 8
            ), ''::bytea)
            from log_leaves l where l.leaf_id = p_id
        $$
        """
    )
    # The hashes of one tile, at most `p_width`; null where there is none.
    op.execute(
        """
        create function log_tile(p_level integer, p_index bigint, p_width integer) returns bytea
        language plpgsql stable as $$
        declare
            found bytea;
        begin
            select substr(hashes, 1, p_width * 32) into found from log_tiles
            where level = p_level and tile_index = p_index;
            if found is null and p_level = 0 then
                select string_agg(leaf_hash, ''::bytea order by leaf_index) into found from log_leaves
                where leaf_index >= p_index * 256 and leaf_index < p_index * 256 + p_width;
            elsif found is null then
                select string_agg(root, ''::bytea order by tile_index) into found from log_tiles
                where level = p_level - 1 and tile_index >= p_index * 256 and tile_index < p_index * 256 + p_width;
            end if;
            return found;
        end $$
        """
    )
    # The root of all that is integrated, from the right edge: what is incomplete rises as the last hash of its row.
    op.execute(
        """
        create function log_root() returns bytea language plpgsql stable as $$
        declare
            n bigint := coalesce((select max(leaf_index) + 1 from log_leaves), 0);
            carry bytea := ''::bytea;
            height integer := 0;
        begin
            if n = 0 then
                return sha256(''::bytea);
            end if;
            while n > 0 loop
                carry := log_fold(coalesce(log_tile(height, n >> 8, (n & 255)::integer), ''::bytea) || carry);
                n := n >> 8;
                height := height + 1;
            end loop;
            return carry;
        end $$
        """
    )


def _checkpoints() -> None:
    op.execute(
        """
        create table log_checkpoints (
            size bigint not null,
            root bytea not null,
            note text not null,
            key_id uuid not null,
            signed_at timestamptz not null,
            constraint pk_log_checkpoints primary key (size),
            constraint fk_log_checkpoints_key_id foreign key (key_id) references log_keys (id),
            constraint ck_log_checkpoints_root check (octet_length(root) = 32),
            constraint ck_log_checkpoints_size check (size >= 0)
        )
        """
    )
    _protected("log_checkpoints")
    op.execute(
        "create policy sign on log_checkpoints for insert to gongxin_web"
        " with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant insert on log_checkpoints to gongxin_web")
    # A fork cannot be stored: a checkpoint is of the whole log as it stands, with its root.
    op.execute(
        """
        create function log_checkpoints_true() returns trigger language plpgsql as $$
        begin
            if new.size <> coalesce((select max(leaf_index) + 1 from log_leaves), 0) or new.root <> log_root()
                or position(chr(10) || new.size || chr(10) || encode(new.root, 'base64') || chr(10) || chr(10)
                    in new.note) = 0
            then
                raise exception 'a checkpoint is of the log as it stands'
                    using errcode = 'integrity_constraint_violation', constraint = 'log_checkpoints_true';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger true_to_the_log before insert on log_checkpoints"
        " for each row execute function log_checkpoints_true()"
    )


def _append() -> None:
    # p_salts: 32 bytes each; p_records: a line each, for canonical JSON has no line break (an array of texts takes
    # ten times as long to cross the wire). One too many or too few is a null, refused. gongxin_caller() fails where
    # nobody is named.
    op.execute(
        f"""
        create function log_append(p_ids uuid[], p_kind text, p_salts bytea, p_records text, p_owner uuid)
        returns void language plpgsql {_SAFE} {_BY_INDEX} as $$
        begin
            if octet_length(p_salts) <> 32 * cardinality(p_ids) or gongxin_caller() is null then
                raise exception 'a salt and a record for each leaf'
                    using errcode = 'check_violation', constraint = 'log_append_aligned';
            end if;
            if exists (
                select from unnest(p_ids) as u(id)
                where (select l.leaf_index from log_leaves l where l.leaf_id = u.id) is not null
            ) then
                raise exception 'a leaf is appended once'
                    using errcode = 'unique_violation', constraint = 'log_append_once';
            end if;
            with opened as (
                insert into log_openings (leaf_id, owner_id, salt, record)
                select u.id, p_owner, substr(p_salts, (u.n * 32 - 31)::integer, 32), u.record
                from rows from (unnest(p_ids), string_to_table(p_records, chr(10)))
                    with ordinality as u(id, record, n)
                returning leaf_id, salt, record
            )
            insert into log_waiting (leaf_id, kind, commitment)
            select leaf_id, p_kind, sha256('gongxin commitment 1\\012'::bytea || salt || convert_to(record, 'UTF8'))
            from opened;
        end $$
        """
    )
    op.execute(
        f"""
        create function log_erase(p_leaf uuid, p_id uuid, p_salt bytea, p_record text)
        returns void language plpgsql {_SAFE} as $$
        begin
            if p_record::jsonb ->> 'leaf_id' is distinct from p_leaf::text then
                raise exception 'the erasure names the leaf' using errcode = 'check_violation',
                    constraint = 'log_erase_names_the_leaf';
            end if;
            if exists (select from log_leaves where leaf_id = p_leaf and kind = 'erasure')
                or exists (select from log_waiting where leaf_id = p_leaf and kind = 'erasure')
            then
                raise exception 'an erasure is not erased' using errcode = 'check_violation',
                    constraint = 'log_erase_of_erasure';
            end if;
            delete from log_openings where leaf_id = p_leaf
                and (gongxin_kind() in ('registry', 'association') or owner_id = gongxin_caller());
            if not found then
                raise exception 'there is no such opening' using errcode = 'check_violation',
                    constraint = 'log_erase_present';
            end if;
            perform log_append(array[p_id], 'erasure', p_salt, p_record, null);
        end $$
        """
    )


def _integrate() -> None:
    # One at a time; another finds the lock held and leaves. Each statement sees what the last holder committed.
    op.execute(
        f"""
        create function log_integrate(p_limit integer, out size bigint, out added integer)
        language plpgsql {_SAFE} {_BY_INDEX} as $$
        declare
            first bigint;
            low bigint;
            high bigint;
            height integer := 0;
        begin
            if gongxin_kind() <> 'registry' then
                raise exception 'the registry sequences' using errcode = 'check_violation',
                    constraint = 'log_integrate_registry';
            end if;
            if not pg_try_advisory_xact_lock(7203493) then
                return;
            end if;
            first := coalesce((select max(leaf_index) + 1 from log_leaves), 0);
            with taken as (
                delete from log_waiting w
                where w.ctid = any (array(select v.ctid from log_waiting v order by v.leaf_id limit p_limit))
                returning w.leaf_id, w.kind, w.commitment
            )
            insert into log_leaves (leaf_index, leaf_id, kind, commitment, leaf_hash)
            select first - 1 + row_number() over (order by t.leaf_id), t.leaf_id, t.kind, t.commitment,
                sha256('\\x00'::bytea || log_entry(t.leaf_id, t.kind, t.commitment))
            from taken t where (select l.leaf_index from log_leaves l where l.leaf_id = t.leaf_id) is null;
            get diagnostics added = row_count;
            size := first + added;
            low := first >> 8;
            high := size >> 8;
            if low < high then
                insert into log_tiles (level, tile_index, hashes, nodes, root)
                select 0, s.tile_index, s.hashes, n.nodes, substr(n.nodes, 8129, 32) from (
                    select leaf_index >> 8 as tile_index, string_agg(leaf_hash, ''::bytea order by leaf_index) as hashes
                    from log_leaves where leaf_index >= low << 8 and leaf_index < high << 8 group by 1
                ) s cross join lateral log_inner(s.hashes) as n(nodes);
            end if;
            loop
                low := low >> 8;
                high := high >> 8;
                height := height + 1;
                exit when low = high;
                insert into log_tiles (level, tile_index, hashes, nodes, root)
                select height, s.tile_index, s.hashes, n.nodes, substr(n.nodes, 8129, 32) from (
                    select t.tile_index >> 8 as tile_index,
                        string_agg(t.root, ''::bytea order by t.tile_index) as hashes
                    from log_tiles t
                    where t.level = height - 1 and t.tile_index >= low << 8 and t.tile_index < high << 8
                    group by 1
                ) s cross join lateral log_inner(s.hashes) as n(nodes);
            end loop;
        end $$
        """
    )


def downgrade() -> None:
    for function in ("log_integrate(integer)", "log_erase(uuid, uuid, bytea, text)", _CALLABLE[0]):
        op.execute(f"drop function {function}")
    for table in ("log_checkpoints", "log_openings", "log_leaves", "log_waiting", "log_tiles", "log_keys"):
        op.execute(f"drop table {table}")
    for function in ("log_checkpoints_true()", "log_openings_fixed()", "log_root()", *_CALLABLE[-2:], *_PLAIN):
        op.execute(f"drop function {function}")
