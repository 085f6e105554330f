"""Agents (催收员): who holds a licence, at which agency, with which certificates, and who checked whom.

An agent's state changes only by a row of the history; whoever writes it is checked here again. One agency at a time; no
licence beyond its basic certificate; no examiner of the agent's own agency; an identity lies sealed under a key of its
own."""

from alembic import op

revision = "0013"
down_revision = "0012"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_KIND = "(select gongxin_kind())"
_OFFICE = f"{_KIND} in ('association', 'registry')"
_OVERSIGHT = f"{_KIND} in ('association', 'regulator', 'registry')"
_OF_VISIBLE = "exists (select from agents a where a.id = agent_id)"
_CHINA = "at time zone 'Asia/Shanghai')::date"
_OLD_KINDS = (
    "'member_state', 'agreement', 'client_key', 'policy', 'case_event', 'court_event', 'lookup', 'subject_access',"
    " 'epoch', 'erasure', 'evidence', 'evidence_batch', 'custody', 'fund_entry', 'fund_period'"
)
_KINDS = f"{_OLD_KINDS}, 'agent_state', 'certificate', 'agent_check'"
_STATES = "'draft', 'applied', 'checking', 'granted', 'refused', 'suspended', 'revoked', 'expired', 'surrendered'"

# action, from, to, by: `rules.MOVES` is the same table, held to this one by a test.
_MOVES = [
    ("apply", "draft refused revoked expired surrendered", "applied", "agency"),
    ("check", "applied", "checking", "association registry"),
    ("refuse", "applied checking", "refused", "association registry"),
    ("grant", "checking", "granted", "association registry"),
    ("renew", "granted", "granted", "association registry"),
    ("suspend", "granted", "suspended", "association registry"),
    ("reinstate", "suspended", "granted", "association registry"),
    ("revoke", "granted suspended", "revoked", "association registry"),
    ("expire", "granted suspended", "expired", "registry"),
    ("surrender", "granted suspended", "surrendered", "agency association registry"),
    ("release", "granted", "granted", "agency"),
    ("retain", "granted", "granted", "agency"),
    ("claim", "granted", "granted", "agency"),
]


def upgrade() -> None:
    for table in ("log_waiting", "log_leaves"):
        _leaf_kinds(table, _KINDS)
    _agents()
    _identities()
    _training()
    _history()
    _standing()
    _checks()


def _leaf_kinds(table: str, kinds: str) -> None:
    op.execute(f"alter table {table} drop constraint ck_{table}_kind")
    op.execute(f"alter table {table} add constraint ck_{table}_kind check (kind in ({kinds}))")


def _agents() -> None:
    op.execute(
        f"""
        create table agents (
            id uuid not null,
            licence_no text not null,
            state text not null,
            agency_id uuid not null,
            released boolean not null,
            released_to uuid,
            photo_sha256 bytea not null,
            adult_as_of date not null,
            declared_on date not null,
            education text not null,
            valid_from date,
            valid_until date,
            barred_until date,
            version integer not null,
            created_at timestamptz not null,
            changed_at timestamptz not null,
            constraint pk_agents primary key (id),
            constraint uq_agents_licence_no unique (licence_no),
            constraint fk_agents_agency_id foreign key (agency_id) references members (id),
            constraint fk_agents_released_to foreign key (released_to) references members (id),
            constraint ck_agents_licence_no check (licence_no ~ '^GX[{_ALPHABET}]{{10}}[0-9A-Z]$'),
            constraint ck_agents_state check (state in ({_STATES})),
            constraint ck_agents_photo check (octet_length(photo_sha256) = 32),
            constraint ck_agents_education check (education in ('secondary', 'college', 'bachelor', 'postgraduate')),
            constraint ck_agents_released check (
                (not released or state = 'granted') and (released_to is null or released)
                and released_to is distinct from agency_id
            ),
            constraint ck_agents_licence check (
                state not in ('granted', 'suspended') or (valid_from is not null and valid_until >= valid_from)
            ),
            constraint ck_agents_version check ((version = 0) = (state = 'draft'))
        )
        """
    )
    op.execute("create index ix_agents_agency_id_id on agents (agency_id, id)")
    op.execute("create index ix_agents_valid_until on agents (valid_until, id) where state in ('granted', 'suspended')")
    op.execute("alter table agents enable row level security")
    op.execute(
        "create policy roll on agents for select to gongxin_web"
        f" using (agency_id = (select gongxin_caller()) or {_OVERSIGHT})"
    )
    op.execute(
        "create policy apply on agents for insert to gongxin_web with check (agency_id = (select gongxin_caller())"
        f" and {_KIND} = 'agency' and state = 'draft' and version = 0)"
    )
    op.execute("grant select, insert on agents to gongxin_web")

    op.execute(
        """
        create table agent_keys (
            agent_id uuid not null,
            epoch integer not null,
            subject_key bytea not null,
            constraint pk_agent_keys primary key (agent_id, epoch),
            constraint uq_agent_keys_epoch_subject_key unique (epoch, subject_key),
            constraint fk_agent_keys_agent_id foreign key (agent_id) references agents (id),
            constraint ck_agent_keys_subject_key check (octet_length(subject_key) = 32),
            constraint ck_agent_keys_epoch check (epoch between 1 and 32767)
        )
        """
    )
    _append_only("agent_keys")
    op.execute("alter table agent_keys enable row level security")
    op.execute(f"create policy own on agent_keys for select to gongxin_web using ({_OF_VISIBLE})")
    op.execute(f"create policy add on agent_keys for insert to gongxin_web with check ({_OF_VISIBLE})")
    op.execute("grant select, insert on agent_keys to gongxin_web")

    op.execute(
        """
        create table agent_engagements (
            agent_id uuid not null,
            agency_id uuid not null,
            began_at timestamptz not null,
            ended_at timestamptz,
            constraint pk_agent_engagements primary key (agent_id, began_at),
            constraint fk_agent_engagements_agent_id foreign key (agent_id) references agents (id),
            constraint fk_agent_engagements_agency_id foreign key (agency_id) references members (id),
            constraint ck_agent_engagements_order check (ended_at >= began_at)
        )
        """
    )
    op.execute("create unique index ix_agent_engagements_one on agent_engagements (agent_id) where ended_at is null")
    # Two spells never overlap, whatever their dates are set to.
    _trigger(
        "agent_engagements_apart",
        "before insert or update on agent_engagements",
        """
        if exists (
            select from agent_engagements e where e.agent_id = new.agent_id and e.began_at <> new.began_at
            and tstzrange(e.began_at, e.ended_at) && tstzrange(new.began_at, new.ended_at)
        ) then
            raise exception 'one agency at a time'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_engagements_apart';
        end if;
        """,
    )
    op.execute("alter table agent_engagements enable row level security")
    op.execute(
        "create policy own on agent_engagements for select to gongxin_web"
        f" using (agency_id = (select gongxin_caller()) or {_OVERSIGHT})"
    )
    op.execute("grant select on agent_engagements to gongxin_web")


def _identities() -> None:
    op.execute(
        """
        create table agent_identities (
            agent_id uuid not null,
            sealed_key bytea not null,
            sealed bytea not null,
            key_id text not null,
            constraint pk_agent_identities primary key (agent_id),
            constraint fk_agent_identities_agent_id foreign key (agent_id) references agents (id),
            constraint ck_agent_identities_key_id check (key_id ~ '^[0-9a-f]{16}$'),
            constraint ck_agent_identities_sealed check (
                octet_length(sealed_key) = 60 and octet_length(sealed) between 29 and 4096
            )
        )
        """
    )
    op.execute("create index ix_agent_identities_key_id_agent_id on agent_identities (key_id, agent_id)")
    op.execute("alter table agent_identities enable row level security")
    op.execute(
        "create policy own on agent_identities for select to gongxin_web"
        f" using ({_KIND} <> 'regulator' and {_OF_VISIBLE})"
    )
    op.execute(f"create policy add on agent_identities for insert to gongxin_web with check ({_OF_VISIBLE})")
    op.execute(
        "create policy seal on agent_identities for update to gongxin_web"
        f" using ({_KIND} = 'registry' or {_KIND} = 'agency' and {_OF_VISIBLE})"
        f" with check ({_KIND} = 'registry' or {_KIND} = 'agency' and {_OF_VISIBLE})"
    )
    op.execute("grant select, insert, update (sealed_key, sealed, key_id) on agent_identities to gongxin_web")


def _training() -> None:
    op.execute(
        f"""
        create table training_hours (
            id uuid not null,
            agent_id uuid not null,
            course text not null,
            hours integer not null,
            completed_on date not null,
            recorded_at timestamptz not null,
            constraint pk_training_hours primary key (id),
            constraint uq_training_hours_agent_id_course_completed_on unique (agent_id, course, completed_on),
            constraint fk_training_hours_agent_id foreign key (agent_id) references agents (id),
            constraint ck_training_hours_course check (course ~ '^[a-z_]{{1,32}}$'),
            constraint ck_training_hours_hours check (hours between 1 and 24),
            constraint ck_training_hours_completed_on check (completed_on <= (recorded_at {_CHINA})
        )
        """
    )
    _append_only("training_hours")
    op.execute(
        f"""
        create table examinations (
            id uuid not null,
            agent_id uuid not null,
            level text not null,
            sat_on date not null,
            score integer not null,
            pass_mark integer not null,
            examiner_id uuid not null,
            examiner_ref text not null,
            recorded_at timestamptz not null,
            constraint pk_examinations primary key (id),
            constraint uq_examinations_agent_id_level_sat_on unique (agent_id, level, sat_on),
            constraint fk_examinations_agent_id foreign key (agent_id) references agents (id),
            constraint fk_examinations_examiner_id foreign key (examiner_id) references members (id),
            constraint ck_examinations_level check (level in ('basic', 'senior', 'debt_counsellor')),
            constraint ck_examinations_score check (score between 0 and 100 and pass_mark between 1 and 100),
            constraint ck_examinations_examiner_ref check (examiner_ref ~ '^[0-9A-Za-z-]{{1,32}}$'),
            constraint ck_examinations_sat_on check (sat_on <= (recorded_at {_CHINA})
        )
        """
    )
    _append_only("examinations")
    _trigger(
        "examinations_examiner",
        "before insert on examinations",
        """
        if exists (select from agents a where a.id = new.agent_id and new.examiner_id in (a.agency_id, a.released_to))
        then
            raise exception 'nobody examines the people of their own agency'
                using errcode = 'integrity_constraint_violation', constraint = 'examinations_own_agency';
        end if;
        """,
    )
    op.execute(
        """
        create table certificates (
            id uuid not null,
            agent_id uuid not null,
            level text not null,
            examination_id uuid not null,
            issued_on date not null,
            valid_until date not null,
            rules_version integer not null,
            issued_at timestamptz not null,
            constraint pk_certificates primary key (id),
            constraint uq_certificates_examination_id unique (examination_id),
            constraint fk_certificates_agent_id foreign key (agent_id) references agents (id),
            constraint fk_certificates_examination_id foreign key (examination_id) references examinations (id),
            constraint ck_certificates_level check (level in ('basic', 'senior', 'debt_counsellor')),
            constraint ck_certificates_valid_until check (valid_until > issued_on)
        )
        """
    )
    op.execute("create index ix_certificates_agent_id_level_valid_until on certificates (agent_id, level, valid_until)")
    _append_only("certificates")
    _trigger(
        "certificates_examined",
        "before insert on certificates",
        """
        if not exists (
            select from examinations e where e.id = new.examination_id and e.agent_id = new.agent_id
            and e.level = new.level and e.score >= e.pass_mark and e.sat_on = new.issued_on
        ) then
            raise exception 'a certificate follows a passed examination of its level, and begins on its day'
                using errcode = 'integrity_constraint_violation', constraint = 'certificates_examined';
        end if;
        """,
    )
    for table in ("training_hours", "examinations", "certificates"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy own on {table} for select to gongxin_web using ({_OF_VISIBLE})")
        op.execute(f"create policy add on {table} for insert to gongxin_web with check ({_OFFICE})")
        op.execute(f"grant select, insert on {table} to gongxin_web")


def _history() -> None:
    op.execute(
        f"""
        create table agent_changes (
            id uuid not null,
            agent_id uuid not null,
            version integer not null,
            action text not null,
            previous text not null,
            state text not null,
            agency_id uuid not null,
            released_to uuid,
            valid_until date,
            barred_until date,
            reason text not null,
            changed_by text not null,
            changed_at timestamptz not null,
            constraint pk_agent_changes primary key (id),
            constraint uq_agent_changes_agent_id_version unique (agent_id, version),
            constraint fk_agent_changes_agent_id foreign key (agent_id) references agents (id),
            constraint fk_agent_changes_agency_id foreign key (agency_id) references members (id),
            constraint ck_agent_changes_state check (state in ({_STATES}) and state <> 'draft'),
            constraint ck_agent_changes_reason check (char_length(reason) between 1 and 200),
            constraint ck_agent_changes_changed_by check (char_length(changed_by) between 1 and 128),
            constraint ck_agent_changes_bar check ((action in ('refuse', 'revoke')) = (barred_until is not null)),
            constraint ck_agent_changes_term check (
                (action in ('grant', 'renew', 'reinstate')) = (valid_until is not null)
            )
        )
        """
    )
    _append_only("agent_changes")
    # A state and a term change by the history alone: the web role has no right to update, and this holds for its owner.
    _trigger(
        "agents_guard",
        "before update or delete on agents",
        """
        if tg_op = 'DELETE' or (new.id, new.licence_no, new.created_at) is distinct from
            (old.id, old.licence_no, old.created_at) or new.version <> old.version + 1
        then
            raise exception 'an agent stays on record under the same number'
                using errcode = 'integrity_constraint_violation', constraint = 'agents_identity';
        elsif new.valid_until is distinct from old.valid_until and new.valid_until is not null and not exists (
            select from certificates c where c.agent_id = new.id and c.level = 'basic'
            and c.valid_until >= new.valid_until and c.issued_on <= (new.changed_at at time zone 'Asia/Shanghai')::date
        ) then
            raise exception 'no licence without a basic certificate, or beyond it'
                using errcode = 'integrity_constraint_violation', constraint = 'agents_certificate';
        end if;
        """,
    )
    moves = ", ".join(
        f"('{action}', '{start}', '{end}', '{kind}')"
        for action, starts, end, kinds in _MOVES
        for start in starts.split()
        for kind in kinds.split()
    )
    _trigger(
        "agent_changes_apply",
        "before insert on agent_changes",
        f"""
        select * into a from agents where id = new.agent_id for update;
        if not found or a.version <> new.version - 1 or a.state <> new.previous then
            raise exception 'the agent is no longer as this change supposes'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_previous';
        elsif (new.action, new.previous, new.state, gongxin_kind()) not in ({moves}) then
            raise exception 'this does not follow, or is not for the caller to do'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_transition';
        elsif gongxin_kind() = 'agency' and (
            case when new.action in ('apply', 'claim') then new.agency_id else a.agency_id end <> gongxin_caller()
        ) or new.action not in ('apply', 'claim') and new.agency_id <> a.agency_id then
            raise exception 'an agency acts for its own people'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_agency';
        elsif new.action = 'apply' and a.barred_until > today then
            raise exception 'after a refusal none applies again before three years'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_barred';
        elsif new.action = 'claim' and (
            not a.released or a.released_to <> new.agency_id or a.agency_id = new.agency_id or a.valid_until < today
        ) then
            raise exception 'only a released agent is claimed, by the agency named'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_claim';
        elsif new.action in ('grant', 'renew', 'reinstate') and new.valid_until < today then
            raise exception 'a licence does not end before it is given'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_past';
        elsif new.action in ('apply', 'grant', 'claim') and not exists (
            select from members m where m.id = new.agency_id and m.kind = 'agency' and m.state = 'active' for share
        ) then
            raise exception 'agents work for an agency in good standing'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_active_agency';
        end if;
        -- Clocks of two nodes differ; what follows never lies before what it follows.
        moment := greatest(new.changed_at, a.changed_at);
        if new.action in ('claim', 'revoke', 'expire', 'surrender') then
            update agent_engagements set ended_at = moment where agent_id = a.id and ended_at is null;
        end if;
        if new.action in ('grant', 'claim') then
            insert into agent_engagements (agent_id, agency_id, began_at)
            values (a.id, new.agency_id, moment);
        end if;
        update agents set
            state = new.state, agency_id = new.agency_id, version = new.version, changed_at = moment,
            released = new.action = 'release',
            released_to = case when new.action = 'release' then new.released_to end,
            valid_from = case when new.action = 'grant' then today else a.valid_from end,
            valid_until = coalesce(new.valid_until, a.valid_until),
            barred_until = coalesce(new.barred_until, a.barred_until)
        where id = a.id;
        """,
        declare="a agents; moment timestamptz; today date := (new.changed_at at time zone 'Asia/Shanghai')::date;",
    )
    op.execute("alter table agent_changes enable row level security")
    op.execute(f"create policy own on agent_changes for select to gongxin_web using ({_OF_VISIBLE})")
    op.execute(
        "create policy add on agent_changes for insert to gongxin_web"
        f" with check ({_OFFICE} or {_KIND} = 'agency' and agency_id = (select gongxin_caller()))"
    )
    op.execute("grant select, insert on agent_changes to gongxin_web")


def _standing() -> None:
    # The narrow view across members: what a check may tell, whoever employs the agent.
    op.execute(
        f"""
        create function agent_standing(p_at integer[], p_licences text[], p_epochs integer[], p_keys bytea[])
        returns table (
            at integer, agent_id uuid, licence_no text, state text, version integer, released boolean,
            released_to uuid, valid_from date, valid_until date, barred_until date, agency_id uuid,
            agency_zh text, agency_en text, agency_state text, certificates jsonb
        ) language sql stable {_SAFE} as $$
            select distinct on (q.at) q.at, a.id, a.licence_no, a.state, a.version, a.released, a.released_to,
                a.valid_from, a.valid_until, a.barred_until, a.agency_id, m.name_zh, m.name_en, m.state,
                coalesce((
                    select jsonb_agg(jsonb_build_object(
                        'level', c.level, 'issued_on', c.issued_on, 'valid_until', c.valid_until) order by c.level)
                    from (
                        select distinct on (level) level, issued_on, valid_until from certificates
                        where certificates.agent_id = a.id order by level, valid_until desc
                    ) c
                ), '[]')
            from unnest(p_at, p_licences, p_epochs, p_keys) as q(at, licence, epoch, subject_key)
            join agents a on a.licence_no = q.licence or a.id = (
                select k.agent_id from agent_keys k where k.epoch = q.epoch and k.subject_key = q.subject_key
            )
            join members m on m.id = a.agency_id
            order by q.at
        $$
        """
    )
    op.execute("revoke execute on function agent_standing from public")
    op.execute("grant execute on function agent_standing to gongxin_web")


def _checks() -> None:
    op.execute(
        """
        create table agent_checks (
            id uuid not null,
            asked_at timestamptz not null,
            member_id uuid not null,
            client_id uuid,
            purpose text not null,
            items jsonb not null,
            fields jsonb not null,
            constraint pk_agent_checks primary key (id),
            constraint fk_agent_checks_member_id foreign key (member_id) references members (id),
            constraint ck_agent_checks_purpose check (purpose in ('placement', 'hiring', 'supervision')),
            constraint ck_agent_checks_items check (jsonb_array_length(items) between 1 and 1000),
            constraint ck_agent_checks_consent check (
                purpose <> 'hiring' or not jsonb_path_exists(items, '$[*] ? (!exists (@.consent))')
            )
        )
        """
    )
    op.execute("create index ix_agent_checks_member_id_id on agent_checks (member_id, id)")
    _append_only("agent_checks")
    op.execute("alter table agent_checks enable row level security")
    op.execute(
        "create policy own on agent_checks for select to gongxin_web"
        f" using (member_id = (select gongxin_caller()) or {_OFFICE})"
    )
    op.execute(
        "create policy add on agent_checks for insert to gongxin_web with check (member_id = (select gongxin_caller()))"
    )
    op.execute("grant select, insert on agent_checks to gongxin_web")


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _trigger(name: str, when: str, body: str, *, declare: str = "") -> None:
    declared = f"declare {declare}" if declare else ""
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ {declared} begin {body}"
        " return new; end $$"
    )
    op.execute(f"create trigger {name} {when} for each row execute function {name}()")


def downgrade() -> None:
    op.execute("drop function agent_standing")
    for table in (
        "agent_checks", "agent_changes", "certificates", "examinations", "training_hours", "agent_identities",
        "agent_engagements", "agent_keys", "agents",
    ):  # fmt: skip
        op.execute(f"drop table {table}")
    for function in (
        "agent_changes_apply", "agents_guard", "certificates_examined", "examinations_examiner",
        "agent_engagements_apart",
    ):  # fmt: skip
        op.execute(f"drop function {function}()")
    # Leaves stay in the log for ever: a registry that has agents' leaves cannot go back past them.
    for table in ("log_waiting", "log_leaves"):
        _leaf_kinds(table, _OLD_KINDS)
