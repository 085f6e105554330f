"""Who an account is at its member's OpenID provider: one subject an account, one account a subject, for good."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.execute(
        """
        create table account_links (
            issuer text not null,
            subject text not null,
            account_id uuid not null,
            linked_at timestamptz not null,
            constraint pk_account_links primary key (issuer, subject),
            constraint uq_account_links_account_id unique (account_id),
            constraint fk_account_links_account_id foreign key (account_id) references accounts (id),
            constraint ck_account_links_subject check (char_length(subject) between 1 and 255)
        )
        """
    )
    op.execute(
        "create trigger append_only before update or delete on account_links"
        " for each row execute function refuse_change()"
    )
    op.execute("alter table account_links enable row level security")
    op.execute("create policy own on account_links to gongxin_web using ((select gongxin_kind()) = 'registry')")
    op.execute("grant select, insert on account_links to gongxin_web")


def downgrade() -> None:
    op.execute("drop table account_links")
