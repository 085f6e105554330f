"""Key epochs: at most one live and one other open in a data set; a state only moves forward, a key never changes.
Budgets: what each member has used today, by purpose; a count only grows."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _epochs()
    _budgets()


def _epochs() -> None:
    # one_other is checked when the transaction ends: a rotation moves two epochs and passes through a state with two.
    op.execute(
        """
        create table subject_epochs (
            data_set text not null,
            epoch integer not null,
            public_key bytea not null,
            sealed_secret bytea not null,
            state text not null,
            created_at timestamptz not null default now(),
            changed_at timestamptz not null default now(),
            constraint pk_subject_epochs primary key (data_set, epoch),
            constraint ck_subject_epochs_state check (state in ('next', 'live', 'retiring', 'retired')),
            constraint ck_subject_epochs_public_key check (octet_length(public_key) = 32),
            constraint ck_subject_epochs_epoch check (epoch between 1 and 32767),
            constraint ex_subject_epochs_one_other exclude using btree (data_set with =)
                where (state in ('next', 'retiring')) deferrable initially deferred
        )
        """
    )
    op.execute("create unique index ix_subject_epochs_one_live on subject_epochs (data_set) where state = 'live'")
    op.execute(
        """
        create function subject_epochs_forward() returns trigger language plpgsql as $$
        declare
            states constant text[] := array['next', 'live', 'retiring', 'retired'];
        begin
            if tg_op = 'DELETE'
                or (new.data_set, new.epoch, new.public_key, new.sealed_secret)
                    is distinct from (old.data_set, old.epoch, old.public_key, old.sealed_secret)
                or array_position(states, new.state) <> array_position(states, old.state) + 1
            then
                raise exception 'an epoch only moves one state forward'
                    using errcode = 'integrity_constraint_violation', constraint = 'subject_epochs_forward';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        """
        create trigger subject_epochs_forward before update or delete on subject_epochs
        for each row execute function subject_epochs_forward()
        """
    )
    op.execute("alter table subject_epochs enable row level security")
    op.execute("create policy read on subject_epochs for select to gongxin_web using (true)")
    op.execute(
        """
        create policy add on subject_epochs for insert to gongxin_web
        with check ((select gongxin_kind()) = 'registry')
        """
    )
    op.execute(
        """
        create policy move on subject_epochs for update to gongxin_web
        using ((select gongxin_kind()) = 'registry')
        """
    )
    op.execute("grant select, insert, update (state, changed_at) on subject_epochs to gongxin_web")


def _budgets() -> None:
    op.execute(
        """
        create table budget_uses (
            member_id uuid not null,
            purpose text not null,
            day date not null,
            used bigint not null,
            constraint pk_budget_uses primary key (member_id, purpose, day),
            constraint ck_budget_uses_used check (used >= 0)
        )
        """
    )
    op.execute(
        """
        create function budget_uses_grow() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE' or (new.member_id, new.purpose, new.day)
                is distinct from (old.member_id, old.purpose, old.day) or new.used < old.used
            then
                raise exception 'a day''s use only grows'
                    using errcode = 'integrity_constraint_violation', constraint = 'budget_uses_grow';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        """
        create trigger budget_uses_grow before update or delete on budget_uses
        for each row execute function budget_uses_grow()
        """
    )
    op.execute("alter table budget_uses enable row level security")
    op.execute(
        """
        create policy own on budget_uses to gongxin_web
        using (member_id = (select gongxin_caller()) or (select gongxin_kind()) = 'registry')
        """
    )
    op.execute("grant select, insert, update (used) on budget_uses to gongxin_web")


def downgrade() -> None:
    op.execute("drop table budget_uses")
    op.execute("drop function budget_uses_grow()")
    op.execute("drop table subject_epochs")
    op.execute("drop function subject_epochs_forward()")
