"""The violations list (行业风险名单): matters, the acts that move them, votes, listings, and who was told.

A matter's state changes only by a row of its acts: whoever writes one is checked here again, against the same table of
moves, the clocks, the notice, the seats, the quorum and the draft that was voted. A debtor can be no subject: there are
columns for agents and members alone. Nobody is told of an entry without a row that says so, and whoever was told gets
the correction in the same transaction that changes it."""

from alembic import op

revision = "0026"
down_revision = "0025"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_OFFICE = f"{_KIND} in ('association', 'registry')"
_OVERSIGHT = f"{_KIND} in ('association', 'regulator', 'registry')"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_CHINA = "at time zone 'Asia/Shanghai')::date"
_NEW_KINDS = ("blacklist_act", "blacklist_vote", "blacklist_screening", "blacklist_correction")
_LEVELS = "'L1', 'L2', 'L3', 'watch'"
_STATES = (
    "'draft', 'reported', 'joined', 'refused', 'accepted', 'noticed', 'deliberation', 'hearing', 'decided', 'standing',"
    " 'dismissed', 'appealed', 'upheld', 'varied', 'withdrawn', 'lapsed', 'expired'"
)
_TABLES = (
    "blacklist_committees", "blacklist_seats", "blacklist_matters", "blacklist_acts", "blacklist_votes",
    "blacklist_recusals", "blacklist_objections", "blacklist_listings", "blacklist_told", "blacklist_corrections",
    "blacklist_screenings",
)  # fmt: skip
_LISTED = "standing upheld varied"
_UNDER_WAY = "accepted noticed hearing deliberation"
# action, from, to (. where it is), by, whether the association's clock must not have ended: `rules.MOVES`, held to this
# one by a test.
_MOVES = [
    ("report", "draft", "reported", "member clock", False),
    ("join", "reported", "joined", "office", True),
    ("refuse", "reported accepted", "refused", "office", True),
    ("accept", "reported", "accepted", "office", True),
    ("notice", "accepted", "noticed", "office", True),
    ("reply", "noticed", "deliberation", "reported", False),
    ("close_reply", "noticed", "deliberation", "office clock", False),
    ("ask_hearing", "noticed deliberation", "hearing", "reported", False),
    ("hold_hearing", "hearing", "deliberation", "office", True),
    ("extend", "hearing deliberation", ".", "office", True),
    ("draft", f"deliberation appealed {_LISTED}", ".", "office", True),
    ("decide", "deliberation", "decided", "office", True),
    ("serve", "decided", "standing", "office", True),
    ("dismiss", "decided", "dismissed", "office", True),
    ("appeal", "standing", "appealed", "reported", False),
    ("assign", "appealed", ".", "office", True),
    ("uphold", "appealed", "upheld", "office", True),
    ("vary", f"appealed {_LISTED}", "varied", "office", True),
    ("withdraw", f"appealed {_LISTED}", "withdrawn", "office", True),
    ("order_stop", _UNDER_WAY, ".", "office", True),
    ("end_stop", _UNDER_WAY, ".", "office", False),
    ("lapse", "reported accepted hearing deliberation decided appealed", "lapsed", "clock", False),
    ("expire", f"appealed {_LISTED}", "expired", "clock", False),
]


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def upgrade() -> None:
    _leaf_kinds(add=True)
    _committees()
    _matters()
    _acts()
    _entries()
    _told()
    _guards()
    _moves()
    _reading()


def _leaf_kinds(*, add: bool) -> None:
    """The kinds as they stand, with or without these; so that it does not matter which other parts came before."""
    for table in ("log_waiting", "log_leaves"):
        held = op.get_bind().exec_driver_sql(
            "select array_to_string(array(select (regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''', 'g'))[1]),"
            f" ' ') from pg_constraint where conname = 'ck_{table}_kind' and conrelid = '{table}'::regclass"
        )
        kinds = [kind for kind in str(held.scalar()).split() if kind not in _NEW_KINDS]
        listed = ", ".join(f"'{kind}'" for kind in [*kinds, *(_NEW_KINDS if add else ())])
        _run(f"alter table {table} drop constraint ck_{table}_kind")
        _run(f"alter table {table} add constraint ck_{table}_kind check (kind in ({listed}))")


def _committees() -> None:
    _run(
        """
        create table blacklist_committees (
            id uuid not null, name_zh text not null, name_en text, created_at timestamptz not null,
            constraint pk_blacklist_committees primary key (id),
            constraint ck_blacklist_committees_names check (
                char_length(name_zh) between 1 and 120 and char_length(name_en) between 1 and 120)
        )
        """
    )
    _run(
        f"""
        create table blacklist_seats (
            committee_id uuid not null, officer text not null, seated_at timestamptz not null, ended_at timestamptz,
            constraint pk_blacklist_seats primary key (committee_id, officer),
            constraint fk_blacklist_seats_committee_id foreign key (committee_id) references blacklist_committees (id),
            constraint ck_blacklist_seats_officer check (officer {_OFFICER})
        )
        """
    )
    for table in ("blacklist_committees", "blacklist_seats"):
        _fence(table, select=_OVERSIGHT, insert=_OFFICE)
    _run(f"create policy leave on blacklist_seats for update to gongxin_web using ({_OFFICE}) with check ({_OFFICE})")
    _run("grant update (ended_at) on blacklist_seats to gongxin_web")


def _matters() -> None:
    _run(
        f"""
        create table blacklist_matters (
            id uuid not null, number text not null, subject_kind text not null, agent_id uuid, member_id uuid,
            agency_id uuid, reporter_id uuid, complaint_ref text, article text not null, severity text not null,
            place text not null, occurred_from date not null, occurred_until date not null, conduct text not null,
            evidence jsonb not null, rules_version integer not null, state text not null, version integer not null,
            due_on date, began_on date, extended boolean not null default false, noticed_at timestamptz, keeper text,
            committee_id uuid, appeal_committee_id uuid, draft_id uuid, level text, months integer, begins_on date,
            ends_on date, appeal_until date, stop_until date, joined_to uuid, created_at timestamptz not null,
            changed_at timestamptz not null,
            constraint pk_blacklist_matters primary key (id),
            constraint uq_blacklist_matters_number unique (number),
            constraint fk_blacklist_matters_agent_id foreign key (agent_id) references agents (id),
            constraint fk_blacklist_matters_member_id foreign key (member_id) references members (id),
            constraint fk_blacklist_matters_agency_id foreign key (agency_id) references members (id),
            constraint fk_blacklist_matters_reporter_id foreign key (reporter_id) references members (id),
            constraint fk_blacklist_matters_committee_id foreign key (committee_id)
                references blacklist_committees (id),
            constraint fk_blacklist_matters_appeal_committee_id foreign key (appeal_committee_id)
                references blacklist_committees (id),
            constraint fk_blacklist_matters_joined_to foreign key (joined_to) references blacklist_matters (id),
            constraint ck_blacklist_matters_number check (number ~ '^GL[0-9A-Z]{{11}}$'),
            constraint ck_blacklist_matters_subject check (
                case subject_kind
                    when 'agent' then agent_id is not null and agency_id is not null and member_id is null
                    when 'agency' then member_id is not null and agent_id is null and agency_id is null
                    when 'member' then member_id is not null and agent_id is null and agency_id is null
                    else false
                end
            ),
            constraint ck_blacklist_matters_reporter check (reporter_id <> member_id),
            constraint ck_blacklist_matters_article check (article ~ '^[A-Z][0-9]{{2}}$'),
            constraint ck_blacklist_matters_severity check (severity in ('S1', 'S2', 'S3')),
            constraint ck_blacklist_matters_words check (
                char_length(conduct) between 1 and 2000 and char_length(place) between 1 and 120
            ),
            constraint ck_blacklist_matters_days check (
                occurred_from <= occurred_until and occurred_until <= (created_at {_CHINA}
            ),
            constraint ck_blacklist_matters_evidence check (
                jsonb_typeof(evidence) = 'array' and jsonb_array_length(evidence) <= 50
            ),
            constraint ck_blacklist_matters_state check (state in ({_STATES})),
            constraint ck_blacklist_matters_version check ((version = 0) = (state = 'draft')),
            constraint ck_blacklist_matters_level check (level in ({_LEVELS}, 'none')),
            constraint ck_blacklist_matters_committees check (appeal_committee_id <> committee_id)
        )
        """
    )
    for column in ("agent_id", "member_id", "reporter_id"):
        _run(f"create index ix_blacklist_matters_{column} on blacklist_matters ({column}, id)")
    _run("create index ix_blacklist_matters_due_on on blacklist_matters (due_on, id) where due_on is not null")
    _run("create index ix_blacklist_matters_stop_until on blacklist_matters (agent_id) where stop_until is not null")
    reported = f"noticed_at is not null and {_CALLER} in (agency_id, member_id)"
    _fence(
        "blacklist_matters",
        select=f"{_OVERSIGHT} or reporter_id = {_CALLER} or ({reported})",
        insert=f"state = 'draft' and version = 0 and (reporter_id = {_CALLER} or {_OFFICE})",
    )


def _acts() -> None:
    _run(
        f"""
        create table blacklist_acts (
            id uuid not null, matter_id uuid not null, version integer not null, action text not null,
            previous text not null, state text not null, party text not null, member_id uuid, officer text, said text,
            due_on date, details jsonb not null, at timestamptz not null,
            constraint pk_blacklist_acts primary key (id),
            constraint uq_blacklist_acts_matter_id_version unique (matter_id, version),
            constraint fk_blacklist_acts_matter_id foreign key (matter_id) references blacklist_matters (id),
            constraint fk_blacklist_acts_member_id foreign key (member_id) references members (id),
            constraint ck_blacklist_acts_party check (party in ('office', 'clock', 'reported', 'member')),
            constraint ck_blacklist_acts_officer check (
                officer {_OFFICER} and (party <> 'office' or officer is not null)
            ),
            constraint ck_blacklist_acts_said check (char_length(said) between 1 and 2000),
            constraint ck_blacklist_acts_reasons check (
                said is not null or action in (
                    'accept', 'notice', 'close_reply', 'assign', 'serve', 'dismiss', 'lapse', 'expire')
            ),
            constraint ck_blacklist_acts_served check (
                action not in ('notice', 'serve', 'dismiss') or (
                    (details ->> 'served_on')::date <= (at {_CHINA} and details ->> 'channel' in ('in_person', 'agency',
                    'registered_post', 'platform', 'announcement') and details ->> 'proof' ~ '^[0-9a-f]{{64}}$'
                    and details ->> 'served_on' is not null and details ->> 'channel' is not null
                    and details ->> 'proof' is not null
                )
            )
        )
        """
    )
    _append_only("blacklist_acts")
    seen = (
        f"exists (select from blacklist_matters m where m.id = matter_id and m.noticed_at is not null"
        f" and {_CALLER} in (m.agency_id, m.member_id))"
    )
    _fence(
        "blacklist_acts",
        select=f"{_OVERSIGHT} or member_id = {_CALLER} or {seen}",
        insert=f"{_OFFICE} or member_id = {_CALLER}",
    )
    _run(
        f"""
        create table blacklist_votes (
            draft_id uuid not null, officer text not null, matter_id uuid not null, vote boolean not null, said text,
            at timestamptz not null,
            constraint pk_blacklist_votes primary key (draft_id, officer),
            constraint fk_blacklist_votes_draft_id foreign key (draft_id) references blacklist_acts (id),
            constraint fk_blacklist_votes_matter_id foreign key (matter_id) references blacklist_matters (id),
            constraint ck_blacklist_votes_officer check (officer {_OFFICER}),
            constraint ck_blacklist_votes_dissent check (vote or said is not null),
            constraint ck_blacklist_votes_said check (char_length(said) between 1 and 2000)
        )
        """
    )
    _run("create index ix_blacklist_votes_matter_id on blacklist_votes (matter_id, officer)")
    _run(
        f"""
        create table blacklist_recusals (
            matter_id uuid not null, officer text not null, said text not null, at timestamptz not null,
            constraint pk_blacklist_recusals primary key (matter_id, officer),
            constraint fk_blacklist_recusals_matter_id foreign key (matter_id) references blacklist_matters (id),
            constraint ck_blacklist_recusals_officer check (officer {_OFFICER}),
            constraint ck_blacklist_recusals_said check (char_length(said) between 1 and 2000)
        )
        """
    )
    for table in ("blacklist_votes", "blacklist_recusals"):
        _append_only(table)
        _fence(table, select=_OVERSIGHT, insert=_OFFICE)
    _run(
        f"""
        create table blacklist_objections (
            id uuid not null, matter_id uuid not null, kind text not null, said text not null, said_by uuid not null,
            said_at timestamptz not null, due_on date not null, outcome text, answer text, officer text,
            answered_at timestamptz,
            constraint pk_blacklist_objections primary key (id),
            constraint fk_blacklist_objections_matter_id foreign key (matter_id) references blacklist_matters (id),
            constraint fk_blacklist_objections_said_by foreign key (said_by) references members (id),
            constraint ck_blacklist_objections_kind check (kind in ('objection', 'factual_error')),
            constraint ck_blacklist_objections_said check (
                char_length(said) between 1 and 2000 and char_length(answer) between 1 and 2000),
            constraint ck_blacklist_objections_outcome check (outcome in ('accepted', 'rejected')),
            constraint ck_blacklist_objections_officer check (officer {_OFFICER}),
            constraint ck_blacklist_objections_answered check (
                (answered_at is null) = (outcome is null) and (answered_at is null) = (answer is null)
                and (answered_at is null) = (officer is null)
            )
        )
        """
    )
    _run("create index ix_blacklist_objections_matter_id on blacklist_objections (matter_id, id)")
    _fence(
        "blacklist_objections",
        select=f"{_OVERSIGHT} or said_by = {_CALLER} or {seen}",
        insert=f"said_by = {_CALLER} and ({_OFFICE} or {seen})",
    )
    _run(
        f"create policy answer on blacklist_objections for update to gongxin_web using ({_OFFICE}) with check"
        f" ({_OFFICE})"
    )
    _run("grant update (outcome, answer, officer, answered_at) on blacklist_objections to gongxin_web")


def _entries() -> None:
    _run(
        f"""
        create table blacklist_listings (
            matter_id uuid not null, number text not null, agent_id uuid, member_id uuid, level text not null,
            severity text not null, article text not null, begins_on date not null, ends_on date not null,
            contested boolean not null, statements jsonb not null, state text not null, changed_at timestamptz not null,
            constraint pk_blacklist_listings primary key (matter_id),
            constraint uq_blacklist_listings_number unique (number),
            constraint fk_blacklist_listings_matter_id foreign key (matter_id) references blacklist_matters (id),
            constraint fk_blacklist_listings_agent_id foreign key (agent_id) references agents (id),
            constraint fk_blacklist_listings_member_id foreign key (member_id) references members (id),
            constraint ck_blacklist_listings_subject check ((agent_id is null) <> (member_id is null)),
            constraint ck_blacklist_listings_level check (level in ({_LEVELS})),
            constraint ck_blacklist_listings_state check (state in ('in_force', 'withdrawn', 'expired')),
            constraint ck_blacklist_listings_term check (
                ends_on >= begins_on and ends_on < begins_on + case level when 'L1' then interval '60 months'
                when 'L2' then interval '36 months' else interval '12 months' end
            )
        )
        """
    )
    _run("create index ix_blacklist_listings_agent_id on blacklist_listings (agent_id) where state = 'in_force'")
    _run("create index ix_blacklist_listings_member_id on blacklist_listings (member_id, matter_id)")
    _run("create index ix_blacklist_listings_ends_on on blacklist_listings (ends_on) where state = 'in_force'")


def _told() -> None:
    _run(
        """
        create table blacklist_told (
            matter_id uuid not null, member_id uuid not null, source_id uuid not null, kind text not null,
            told_at timestamptz not null,
            constraint pk_blacklist_told primary key (matter_id, member_id, source_id),
            constraint fk_blacklist_told_matter_id foreign key (matter_id) references blacklist_listings (matter_id),
            constraint fk_blacklist_told_member_id foreign key (member_id) references members (id),
            constraint ck_blacklist_told_kind check (kind in ('check', 'screening', 'listing'))
        )
        """
    )
    _append_only("blacklist_told")
    public = "member_id is not null and level <> 'watch'"
    told = (
        "exists (select from blacklist_told t where t.matter_id = blacklist_listings.matter_id"
        f" and t.member_id = {_CALLER})"
    )
    _fence("blacklist_listings", select=f"{_OVERSIGHT} or ({public}) or member_id = {_CALLER} or {told}", insert=None)
    _fence("blacklist_told", select=f"{_OVERSIGHT} or member_id = {_CALLER}", insert=None)
    _run(
        """
        create table blacklist_corrections (
            id uuid not null default gen_random_uuid(), matter_id uuid not null, member_id uuid not null,
            act_id uuid not null, cause text not null, made_at timestamptz not null, due_on date not null,
            chased_at timestamptz, acknowledged_at timestamptz, did text, note text,
            constraint pk_blacklist_corrections primary key (id),
            constraint uq_blacklist_corrections_act_id_member_id unique (act_id, member_id),
            constraint fk_blacklist_corrections_matter_id foreign key (matter_id)
                references blacklist_listings (matter_id),
            constraint fk_blacklist_corrections_member_id foreign key (member_id) references members (id),
            constraint fk_blacklist_corrections_act_id foreign key (act_id) references blacklist_acts (id),
            constraint ck_blacklist_corrections_cause check (cause in ('listed', 'varied', 'withdrawn')),
            constraint ck_blacklist_corrections_did check (
                did in ('updated', 'reinstated', 'removed', 'suspended', 'no_record', 'nothing_needed')),
            constraint ck_blacklist_corrections_note check (char_length(note) between 1 and 500),
            constraint ck_blacklist_corrections_acknowledged check ((acknowledged_at is null) = (did is null))
        )
        """
    )
    _run("create index ix_blacklist_corrections_member_id on blacklist_corrections (member_id, made_at, id)")
    _run("create index ix_blacklist_corrections_open on blacklist_corrections (due_on) where acknowledged_at is null")
    _fence("blacklist_corrections", select=f"{_OVERSIGHT} or member_id = {_CALLER}", insert=None)
    own = f"member_id = {_CALLER} or {_KIND} = 'registry'"
    _run(f"create policy answer on blacklist_corrections for update to gongxin_web using ({own}) with check ({own})")
    _run("grant update (acknowledged_at, did, note, chased_at) on blacklist_corrections to gongxin_web")
    _run(
        """
        create table blacklist_screenings (
            id uuid not null, asked_at timestamptz not null, member_id uuid not null, client_id uuid,
            purpose text not null, consent text not null, lines integer not null, agents uuid[] not null,
            constraint pk_blacklist_screenings primary key (id),
            constraint fk_blacklist_screenings_member_id foreign key (member_id) references members (id),
            constraint ck_blacklist_screenings_purpose check (purpose in ('hire', 'staff')),
            constraint ck_blacklist_screenings_consent check (consent ~ '^[0-9A-Za-z-]{1,32}$'),
            constraint ck_blacklist_screenings_lines check (lines between 1 and 10000)
        )
        """
    )
    _run("create index ix_blacklist_screenings_member_id_id on blacklist_screenings (member_id, id)")
    _append_only("blacklist_screenings")
    _fence("blacklist_screenings", select=f"{_OVERSIGHT} or member_id = {_CALLER}", insert=None)


def _guards() -> None:
    """What is not a move: reports, votes, objections, and rows that stay as they are."""
    limit = (
        "new.reporter_id is not null and (select count(*) from blacklist_matters m where m.reporter_id ="
        " new.reporter_id and m.created_at > new.created_at - interval '1 day') >= 20"
    )
    _trigger(
        "blacklist_matters_new",
        "before insert on blacklist_matters",
        f"""
        perform pg_advisory_xact_lock(7215, hashtext(new.reporter_id::text));
        {_refuse(limit, "blacklist_matters_limit", "no more reports of this member today")}
        {
            _refuse(
                "new.state <> 'draft' or new.noticed_at is not null or new.level is not null",
                "blacklist_matters_begin",
                "a matter begins with its report",
            )
        }
        """,
    )
    _trigger(
        "blacklist_matters_guard",
        "before update or delete on blacklist_matters",
        _refuse(
            "pg_trigger_depth() < 2 or tg_op = 'DELETE' or (new.id, new.number, new.subject_kind, new.agent_id,"
            " new.member_id, new.agency_id, new.reporter_id, new.article, new.conduct, new.evidence) is distinct from"
            " (old.id, old.number, old.subject_kind, old.agent_id, old.member_id, old.agency_id, old.reporter_id,"
            " old.article, old.conduct, old.evidence)",
            "blacklist_matters_acts",
            "a matter changes by its acts alone",
        ),
    )
    _trigger(
        "blacklist_listings_guard",
        "before insert or update or delete on blacklist_listings",
        _refuse("pg_trigger_depth() < 2", "blacklist_listings_acts", "an entry is made and changed by acts alone"),
    )
    unseated = (
        "not exists (select from blacklist_seats s where s.officer = new.officer and s.ended_at is null"
        " and s.committee_id = case m.state when 'appealed' then m.appeal_committee_id else m.committee_id end)"
        " or exists (select from blacklist_recusals r where r.matter_id = m.id and r.officer = new.officer)"
    )
    _trigger(
        "blacklist_votes_new",
        "before insert on blacklist_votes",
        f"""
        select * into m from blacklist_matters where id = new.matter_id for update;
        {_refuse("m.draft_id is distinct from new.draft_id", "blacklist_votes_draft", "the vote is on another draft")}
        {_refuse("exists (select from blacklist_acts d where d.id = new.draft_id and d.officer = new.officer)",
                 "blacklist_votes_maker", "who drafted it does not vote")}
        {_refuse(unseated, "blacklist_votes_seat", "not of the committee, or recused")}
        {_refuse("m.state = 'appealed' and (new.officer = m.keeper or exists (select from blacklist_votes v"
                 " where v.matter_id = m.id and v.officer = new.officer and v.draft_id <> new.draft_id"
                 " and exists (select from blacklist_acts d where d.id = v.draft_id and d.previous = 'deliberation')))",
                 "blacklist_votes_other_committee", "an appeal is heard by others")}
        {_refuse("m.due_on < (new.at " + _CHINA, "blacklist_votes_clock", "the clock has ended")}
        """,
        declare="m blacklist_matters;",
    )  # fmt: skip
    _trigger(
        "blacklist_objections_contest",
        "after insert or update on blacklist_objections",
        f"""
        {_refuse("tg_op = 'UPDATE' and old.answered_at is not null", "blacklist_objections_answered",
                 "it was answered before")}
        update blacklist_listings l set contested = exists (
                select from blacklist_objections o where o.matter_id = l.matter_id and o.answered_at is null
            ) or exists (select from blacklist_matters m where m.id = l.matter_id and m.state = 'appealed'),
            statements = case when tg_op = 'INSERT'
                then l.statements || jsonb_build_object('kind', new.kind, 'said', new.said) else l.statements end
        where l.matter_id = new.matter_id;
        """,
    )  # fmt: skip
    _trigger(
        "blacklist_corrections_guard",
        "before update or delete on blacklist_corrections",
        _refuse(
            "tg_op = 'DELETE' or old.acknowledged_at is not null or (new.id, new.matter_id, new.member_id, new.act_id,"
            " new.cause, new.made_at, new.due_on) is distinct from (old.id, old.matter_id, old.member_id, old.act_id,"
            " old.cause, old.made_at, old.due_on)",
            "blacklist_corrections_kept",
            "a correction is acknowledged once and stays",
        ),
    )
    listed = (
        "new.action in ('apply', 'grant', 'renew', 'reinstate') and exists (select from blacklist_listings l"
        " where l.agent_id = new.agent_id and l.level = 'L1' and l.state = 'in_force'"
        f" and l.ends_on >= (new.changed_at {_CHINA})"
    )
    _trigger(
        "agent_changes_blacklist",
        "before insert on agent_changes",
        _refuse(listed, "agent_changes_listed", "nobody on L1 is licensed"),
    )


def _moves() -> None:
    moves = ", ".join(
        f"('{action}', '{start}', '{start if end == '.' else end}', '{party}')"
        for action, starts, end, parties, _ in _MOVES
        for start in starts.split()
        for party in parties.split()
    )
    timely = ", ".join(f"'{action}'" for action, *_, kept in _MOVES if kept)
    counted = (
        "from blacklist_votes v join blacklist_seats s on s.officer = v.officer and s.ended_at is null"
        " and s.committee_id = panel where v.draft_id = m.draft_id and v.officer <> d.officer and not exists ("
        "select from blacklist_recusals r where r.matter_id = m.id and r.officer = v.officer)"
    )
    _trigger(
        "blacklist_acts_apply",
        "before insert on blacklist_acts",
        f"""
        select * into m from blacklist_matters where id = new.matter_id for update;
        {_refuse("not found or m.version <> new.version - 1 or m.state <> new.previous", "blacklist_acts_previous",
                 "the matter is no longer as this act supposes")}
        {_refuse(f"(new.action, new.previous, new.state, new.party) not in ({moves})", "blacklist_acts_transition",
                 "this does not follow, or is not for this party")}
        {_refuse("case new.party when 'office' then gongxin_kind() not in ('association', 'registry')"
                 " when 'clock' then gongxin_kind() <> 'registry'"
                 " when 'member' then m.reporter_id is distinct from gongxin_caller() and gongxin_kind() <> 'registry'"
                 " else gongxin_kind() not in ('association', 'registry')"
                 " and gongxin_caller() is distinct from coalesce(m.agency_id, m.member_id) end",
                 "blacklist_acts_party", "it is not for the caller to do")}
        {_refuse(f"new.action in ({timely}) and m.due_on < today", "blacklist_acts_clock", "the clock has ended")}
        {_refuse("new.action in ('lapse', 'close_reply') and (m.due_on is null or m.due_on >= today)"
                 " or new.action = 'expire' and m.ends_on >= today", "blacklist_acts_early", "the clock still runs")}
        {_refuse("new.action = 'appeal' and m.appeal_until < today", "blacklist_acts_appeal", "the period has ended")}
        {_refuse("new.action = 'extend' and m.extended", "blacklist_acts_once", "a decision is put off once")}
        {_refuse("(new.action = 'serve') and m.level = 'none' or new.action = 'dismiss' and m.level <> 'none'",
                 "blacklist_acts_outcome", "what was decided is served")}
        {_refuse("new.action = 'order_stop' and (new.officer = m.keeper or new.details ->> 'until' is null"
                 " or (new.details ->> 'until')::date not between today and today + 30)",
                 "blacklist_acts_stop", "an interim stop is ordered by another officer, for a time")}
        {_refuse("new.action = 'draft' and (new.details ->> 'act' is null or new.details ->> 'level' is null"
                 " or (new.details ->> 'act' = 'decide') <> (m.state = 'deliberation')"
                 " or m.state = 'appealed' and m.appeal_committee_id is null)",
                 "blacklist_acts_draft", "what is drafted can be decided now")}
        if new.action in ('decide', 'uphold', 'vary', 'withdraw') then
            select * into d from blacklist_acts where id = m.draft_id;
            panel := case m.state when 'appealed' then m.appeal_committee_id else m.committee_id end;
            {_refuse("d.id is null or d.details ->> 'act' <> new.action or d.details ->> 'act' is null",
                     "blacklist_acts_drafted", "only what was drafted is decided")}
            {_refuse("new.officer = d.officer", "blacklist_acts_maker", "who drafted it does not decide it")}
            {_refuse("not exists (select from blacklist_seats s where s.committee_id = panel and s.ended_at is null"
                     " and s.officer = new.officer) or exists (select from blacklist_recusals r"
                     " where r.matter_id = m.id and r.officer = new.officer)",
                     "blacklist_acts_seat", "not of the committee, or recused")}
            {_refuse(f"(select count(*) {counted}) < 3", "blacklist_acts_quorum", "there is no quorum")}
            {_refuse(f"(select 2 * count(*) filter (where v.vote) <= count(*) {counted})",
                     "blacklist_acts_carried", "the draft is not carried")}
        end if;
        """,
        declare=f"m blacklist_matters; d blacklist_acts; panel uuid; today date := (new.at {_CHINA};",
    )  # fmt: skip
    _effects()


def _effects() -> None:
    """The matter and its entry follow the act; after it, so that what refers to the act finds it."""
    _trigger(
        "blacklist_acts_follow",
        "after insert on blacklist_acts",
        f"""
        select * into m from blacklist_matters where id = new.matter_id for update;
        select * into d from blacklist_acts where id = m.draft_id;
        update blacklist_matters set
            state = new.state, version = new.version, due_on = new.due_on, changed_at = greatest(new.at, m.changed_at),
            began_on = case when new.action in ('reply', 'close_reply', 'ask_hearing') then coalesce(m.began_on, today)
                else m.began_on end,
            extended = m.extended or new.action = 'extend',
            noticed_at = case when new.action = 'notice' then new.at else m.noticed_at end,
            keeper = case when new.action = 'accept' then new.officer else m.keeper end,
            committee_id = case when new.action = 'accept' then (new.details ->> 'committee_id')::uuid
                else m.committee_id end,
            appeal_committee_id = case when new.action = 'assign' then (new.details ->> 'committee_id')::uuid
                else m.appeal_committee_id end,
            draft_id = case when new.action = 'draft' then new.id
                when new.action in ('decide', 'uphold', 'vary', 'withdraw') then null else m.draft_id end,
            level = case when new.action in ('decide', 'vary') then d.details ->> 'level' else m.level end,
            months = case when new.action in ('decide', 'vary') then (d.details ->> 'months')::integer
                else m.months end,
            severity = case when new.action in ('decide', 'vary') then d.details ->> 'severity' else m.severity end,
            begins_on = case when new.action = 'serve' then today else m.begins_on end,
            ends_on = case when new.action = 'serve' then today + make_interval(months => m.months) - interval '1 day'
                when new.action = 'vary' then m.begins_on + make_interval(months => (d.details ->> 'months')::integer)
                - interval '1 day' else m.ends_on end,
            appeal_until = case when new.action = 'serve' then (new.details ->> 'served_on')::date + 15
                else m.appeal_until end,
            stop_until = case when new.action = 'order_stop' then (new.details ->> 'until')::date
                when new.action = 'end_stop' or new.state not in ('accepted', 'noticed', 'hearing', 'deliberation',
                'decided') then null else m.stop_until end,
            joined_to = case when new.action = 'join' then (new.details ->> 'joined_to')::uuid else m.joined_to end
        where id = m.id returning * into m;
        if new.action = 'serve' then
            {_refuse("m.noticed_at is null or m.began_on is null or m.level is null",
                     "blacklist_listings_process", "nobody is listed without notice, reply and decision")}
            insert into blacklist_listings (matter_id, number, agent_id, member_id, level, severity, article, begins_on,
                ends_on, contested, statements, state, changed_at)
            values (m.id, m.number, m.agent_id, m.member_id, m.level, m.severity, m.article, m.begins_on, m.ends_on,
                false, coalesce((
                    select jsonb_agg(jsonb_build_object('kind', a.action, 'said', a.said) order by a.version)
                from blacklist_acts a where a.matter_id = m.id and a.action = 'reply'), '[]'), 'in_force', new.at);
            insert into blacklist_told (matter_id, member_id, source_id, kind, told_at)
            select distinct m.id, each::uuid, new.id, 'listing', new.at
            from jsonb_array_elements_text(coalesce(new.details -> 'tell', '[]')) as each;
            cause := 'listed';
        elsif m.begins_on is not null then
            update blacklist_listings l set
                level = m.level, severity = m.severity, ends_on = m.ends_on, changed_at = new.at,
                state = case when new.state = 'expired' then 'expired' when new.state in ('withdrawn', 'lapsed')
                    then 'withdrawn' else 'in_force' end,
                contested = new.state = 'appealed' or exists (select from blacklist_objections o
                    where o.matter_id = l.matter_id and o.answered_at is null),
                statements = case when new.action = 'appeal'
                    then l.statements || jsonb_build_object('kind', 'appeal', 'said', new.said) else l.statements end
            where l.matter_id = m.id and new.action <> 'draft';
            cause := case new.state when 'varied' then 'varied' when 'withdrawn' then 'withdrawn'
                when 'lapsed' then 'withdrawn' end;
            if new.action not in ('vary', 'withdraw', 'lapse') then cause := null; end if;
        end if;
        if cause is not null then
            insert into blacklist_corrections (matter_id, member_id, act_id, cause, made_at, due_on)
            select distinct m.id, t.member_id, new.id, cause, new.at,
                coalesce((new.details ->> 'correct_by')::date, today + 14)
            from blacklist_told t where t.matter_id = m.id;
        end if;
        """,
        declare=f"m blacklist_matters; d blacklist_acts; cause text; today date := (new.at {_CHINA};",
    )  # fmt: skip


def _reading() -> None:
    """What members are told, and the row that says they were: the narrow way across members. The lock lets no
    withdrawal pass between reading an entry and recording who read it."""
    live = "l.state = 'in_force' and l.ends_on >= p_today"
    insider = f"({_OVERSIGHT} or a.agency_id = {_CALLER})"
    told = (
        "insert into blacklist_told (matter_id, member_id, source_id, kind, told_at)"
        " select e.matter_id, gongxin_caller(), p_source, {kind}, p_at from {rows}"
        " e where gongxin_kind() <> 'registry' and (e.level <> 'watch' or e.insider) on conflict do nothing"
    )
    columns = (
        "agent_id uuid, matter_id uuid, number text, level text, severity text, begins_on date, ends_on date,"
        " contested boolean, statements jsonb, insider boolean"
    )
    _run(
        f"""
        create function blacklist_entries(p_agents uuid[], p_today date, p_source uuid, p_at timestamptz)
        returns table ({columns}) language sql volatile {_SAFE} as $$
            with live as (
                select l.agent_id, l.matter_id, l.number, l.level, l.severity, l.begins_on, l.ends_on, l.contested,
                    l.statements, {insider} as insider
                from blacklist_listings l join agents a on a.id = l.agent_id
                where l.agent_id = any (p_agents) and {live} for share of l
            ), told as ({told.format(kind="'check'", rows="live")})
            select * from live
        $$
        """
    )
    _run(
        """
        create function blacklist_stops(p_agents uuid[], p_today date)
        returns table (agent_id uuid, until date) language sql stable """
        + _SAFE
        + """ as $$
            select m.agent_id, max(m.stop_until) from blacklist_matters m
            where m.agent_id = any (p_agents) and m.stop_until >= p_today
            and m.state in ('accepted', 'noticed', 'hearing', 'deliberation', 'decided') group by 1
        $$
        """
    )
    _run(
        f"""
        create function blacklist_screen(p_places integer[], p_licences text[], p_epochs integer[], p_keys bytea[],
            p_today date, p_source uuid, p_at timestamptz, p_client uuid, p_purpose text, p_consent text,
            p_lines integer)
        returns table (place integer, {columns}) language plpgsql volatile {_SAFE} as $$
        declare found uuid[]; places integer[];
        begin
            select array_agg(f.id), array_agg(f.place) into found, places from (
                select k.agent_id as id, q.place from unnest(p_places, p_epochs, p_keys) as q(place, epoch, subject_key)
                join agent_keys k on k.epoch = q.epoch and k.subject_key = q.subject_key where q.epoch is not null
                union all
                select a.id, q.place from unnest(p_places, p_licences) as q(place, licence)
                join agents a on a.licence_no = q.licence where q.licence is not null
            ) f;
            insert into blacklist_screenings (id, asked_at, member_id, client_id, purpose, consent, lines, agents)
            values (p_source, p_at, gongxin_caller(), p_client, p_purpose, p_consent, p_lines, coalesce(found, '{{}}'));
            return query
            with live as (
                select q.place, l.agent_id, l.matter_id, l.number, l.level, l.severity, l.begins_on, l.ends_on,
                    l.contested, l.statements, {insider} as insider
                from unnest(places, found) as q(place, id)
                join blacklist_listings l on l.agent_id = q.id join agents a on a.id = q.id
                where {live} for share of l
            ), told as ({told.format(kind="'screening'", rows="live")})
            select * from live;
        end $$
        """
    )
    signatures = {
        "blacklist_entries": "uuid[], date, uuid, timestamptz",
        "blacklist_stops": "uuid[], date",
        "blacklist_screen": "integer[], text[], integer[], bytea[], date, uuid, timestamptz, uuid, text, text, integer",
    }
    for name, given in signatures.items():
        _run(f"revoke execute on function {name}({given}) from public")
        _run(f"grant execute on function {name}({given}) to gongxin_web")


def _fence(table: str, *, select: str, insert: str | None) -> None:
    _run(f"alter table {table} enable row level security")
    _run(f"create policy own on {table} for select to gongxin_web using ({select})")
    _run(f"grant select on {table} to gongxin_web")
    if insert is not None:
        _run(f"create policy add on {table} for insert to gongxin_web with check ({insert})")
        _run(f"grant insert on {table} to gongxin_web")


def _append_only(table: str) -> None:
    _run(f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()")


def _trigger(name: str, when: str, body: str, *, declare: str = "") -> None:
    declared = f"declare {declare}" if declare else ""
    _run(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ {declared} begin {body}"
        " if tg_op = 'DELETE' then return old; end if; return new; end $$"
    )
    _run(f"create trigger {name} {when} for each row execute function {name}()")


def downgrade() -> None:
    _run("drop trigger agent_changes_blacklist on agent_changes")
    for function in ("blacklist_entries", "blacklist_stops", "blacklist_screen"):
        op.execute(f"drop function {function}")
    for table in reversed(_TABLES):
        _run(f"drop table {table} cascade")
    for function in (
        "agent_changes_blacklist", "blacklist_acts_apply", "blacklist_acts_follow", "blacklist_corrections_guard",
        "blacklist_listings_guard", "blacklist_matters_guard", "blacklist_matters_new", "blacklist_objections_contest",
        "blacklist_votes_new",
    ):  # fmt: skip
        _run(f"drop function {function}()")
    _leaf_kinds(add=False)
