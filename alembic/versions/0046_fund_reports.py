"""The quarter as it was disclosed, each version kept; a claim's region as the filer states it.

Figures are published once more where they have changed: what was told before stays told, and anyone reads all of it. A
claim keeps the division code of where the person is, for the report counted it by the filer's own code before."""

from alembic import op

revision = "0046"
down_revision = "0045"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def upgrade() -> None:
    _reports()
    _regions()


def _reports() -> None:
    _run(
        f"""
        create table fund_reports (
            id uuid not null, year integer not null, quarter integer not null, version integer not null,
            content bytea not null, figures text not null, member_id uuid not null, officer text not null,
            published_at timestamptz not null,
            constraint pk_fund_reports primary key (id),
            constraint uq_fund_reports_year_quarter_version unique (year, quarter, version),
            constraint fk_fund_reports_member_id foreign key (member_id) references members (id),
            constraint ck_fund_reports_content check (content = sha256(convert_to(figures, 'UTF8'))),
            constraint ck_fund_reports_officer check (officer {_OFFICER}),
            constraint ck_fund_reports_over check (
                quarter between 1 and 4 and year between 2000 and 2999
                and (published_at at time zone 'Asia/Shanghai')::date
                    >= make_date(year + quarter / 4, mod(quarter * 3, 12) + 1, 1)
            )
        )
        """
    )
    _run(
        f"""
        create function fund_reports_follow() returns trigger language plpgsql {_SAFE} as $$
        declare last fund_reports;
        begin
            perform pg_advisory_xact_lock(7211, new.year * 10 + new.quarter);
            select * into last from fund_reports r where r.year = new.year and r.quarter = new.quarter
            order by r.version desc limit 1;
            {
            _refuse(
                "new.version <> coalesce(last.version, 0) + 1 or new.content = last.content",
                "fund_reports_version",
                "a version follows the one before and says something else",
            )
        }
            return new;
        end $$
        """
    )
    _run("create trigger follows before insert on fund_reports for each row execute function fund_reports_follow()")
    _run(
        "create trigger append_only before update or delete on fund_reports"
        " for each row execute function refuse_change()"
    )
    _run("alter table fund_reports enable row level security")
    _run("create policy read on fund_reports for select to gongxin_web using (true)")
    _run(
        "create policy add on fund_reports for insert to gongxin_web"
        f" with check ({_KIND} = 'registry' or {_KIND} = 'association' and member_id = {_CALLER})"
    )
    _run("grant select, insert on fund_reports to gongxin_web")


def _regions() -> None:
    _run("alter table fund_claims add column region text")
    _run("alter table fund_claims disable trigger user")
    _run("update fund_claims c set region = substr(m.uscc, 3, 6) from members m where m.id = c.filed_by")
    _run("alter table fund_claims enable trigger user")
    _run("alter table fund_claims alter column region set not null")
    _run("alter table fund_claims add constraint ck_fund_claims_region check (region ~ '^[0-9]{6}$')")
    _run(
        f"""
        create function fund_claims_region() returns trigger language plpgsql {_SAFE} as $$
        begin
            {_refuse("new.region <> old.region", "fund_claims_fixed", "what was filed stays")}
            return new;
        end $$
        """
    )
    _run(
        "create trigger region before update of region on fund_claims"
        " for each row execute function fund_claims_region()"
    )


def downgrade() -> None:
    op.execute("drop trigger region on fund_claims")
    op.execute("drop function fund_claims_region()")
    op.execute("alter table fund_claims drop column region")
    op.execute("drop table fund_reports")
    op.execute("drop function fund_reports_follow()")
