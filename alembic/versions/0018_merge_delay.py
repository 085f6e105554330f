"""How long leaves waited for their place: a histogram by the hour, written by the database as leaves leave the queue.

A leaf's wait begins when it is written; its promise is given at the commit. Where the sequencer saw nothing waiting in
between (`gongxin.log_empty_at`), the commit came after that, and the wait counts from there: always an upper bound."""

from alembic import op

revision = "0018"
down_revision = "0017"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
BOUNDS = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "60")


def upgrade() -> None:
    op.execute("alter table log_waiting add column since timestamptz not null default clock_timestamp()")
    op.execute(
        f"""
        create table log_merge_delays (
            hour timestamptz not null,
            leaves bigint not null,
            seconds double precision not null,
            longest double precision not null,
            counts bigint[] not null,
            constraint pk_log_merge_delays primary key (hour),
            constraint ck_log_merge_delays_counts check (
                cardinality(counts) = {len(BOUNDS)} and leaves >= counts[{len(BOUNDS)}] and longest >= 0
            )
        )
        """
    )
    op.execute("alter table log_merge_delays enable row level security")
    op.execute("create policy read on log_merge_delays for select to gongxin_web using (true)")
    op.execute("grant select on log_merge_delays to gongxin_web")
    counts = ", ".join(f"count(*) filter (where d.waited <= {bound})" for bound in BOUNDS)
    op.execute(
        f"""
        create function log_merge_delay() returns trigger language plpgsql {_SAFE} as $$
        declare
            at timestamptz := clock_timestamp();
            empty_at timestamptz := coalesce(
                nullif(current_setting('gongxin.log_empty_at', true), '')::timestamptz, '-infinity');
        begin
            insert into log_merge_delays as held (hour, leaves, seconds, longest, counts)
            select date_trunc('hour', at), count(*), sum(d.waited), max(d.waited), array[{counts}]
            from (
                select greatest(0, extract(epoch from at - greatest(g.since, empty_at))) as waited from gone g
            ) d having count(*) > 0
            on conflict (hour) do update set leaves = held.leaves + excluded.leaves,
                seconds = held.seconds + excluded.seconds, longest = greatest(held.longest, excluded.longest),
                counts = (
                    select array_agg(a + b order by n)
                    from unnest(held.counts, excluded.counts) with ordinality as u(a, b, n)
                );
            return null;
        end $$
        """
    )
    op.execute(
        "create trigger merge_delay after delete on log_waiting referencing old table as gone"
        " for each statement execute function log_merge_delay()"
    )


def downgrade() -> None:
    op.execute("drop trigger merge_delay on log_waiting")
    op.execute("drop function log_merge_delay()")
    op.execute("drop table log_merge_delays")
    op.execute("alter table log_waiting drop column since")
