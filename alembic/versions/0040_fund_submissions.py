"""What an entry was as its maker took it back from approval: so that whoever approves it anew sees what changed.
Written as it goes back to a draft, which is rare; an entry that goes straight through costs nothing more."""

from alembic import op

revision = "0040"
down_revision = "0039"

_READ = "(select gongxin_kind()) in ('registry', 'association', 'regulator')"


def upgrade() -> None:
    op.execute(
        """
        create table fund_submissions (
            entry_id uuid not null, version integer not null, content jsonb not null, content_hash bytea not null,
            taken_back_at timestamptz not null,
            constraint pk_fund_submissions primary key (entry_id, version),
            constraint fk_fund_submissions_entry_id foreign key (entry_id) references fund_entries (id),
            constraint ck_fund_submissions_hash check (octet_length(content_hash) = 32)
        )
        """
    )
    op.execute(
        """
        create function fund_submission_kept() returns trigger language plpgsql
        security definer set search_path = pg_catalog, public, pg_temp as $$
        begin
            insert into fund_submissions (entry_id, version, content, content_hash, taken_back_at)
            values (old.id, old.version, fund_content(old.id)::jsonb, old.content_hash, new.acted_at);
            return null;
        end $$
        """
    )
    op.execute(
        "create trigger submission_kept after update on fund_entries for each row when (old.state in"
        " ('submitted', 'approved') and new.state = 'draft') execute function fund_submission_kept()"
    )
    op.execute(
        "create trigger append_only before update or delete on fund_submissions"
        " for each row execute function refuse_change()"
    )
    op.execute("alter table fund_submissions enable row level security")
    op.execute(f"create policy read on fund_submissions for select to gongxin_web using ({_READ})")
    op.execute("grant select on fund_submissions to gongxin_web")


def downgrade() -> None:
    op.execute("drop trigger submission_kept on fund_entries")
    op.execute("drop table fund_submissions")
    op.execute("drop function fund_submission_kept()")
