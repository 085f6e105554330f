"""Key epochs: at most one live and one other open in a data set; a state only moves forward, a key never changes."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
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
            constraint ck_subject_epochs_epoch check (epoch between 1 and 32767)
        )
        """
    )
    op.execute("create unique index ix_subject_epochs_one_live on subject_epochs (data_set) where state = 'live'")
    op.execute(
        """
        create unique index ix_subject_epochs_one_other on subject_epochs (data_set)
        where state in ('next', 'retiring')
        """
    )
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


def downgrade() -> None:
    op.execute("drop table subject_epochs")
    op.execute("drop function subject_epochs_forward()")
