"""Every statement that deletes jobs which have had their time, with their attempts, chains and batches."""

from shared.db.sql.pruning import BATCH

# `now()`, as the clock's own time would keep PostgreSQL from using the index of what has finished.
_IS_OLD = """
({0}.state in ('succeeded', 'failed', 'cancelled')
 and {0}.finished_at < now() - case {0}.state when 'failed' then %(failed)s else %(others)s end)
"""

# A link must stay while its chain goes on: if a later one fails, it is undone. So must a member, while its batch does.
JOBS = f"""
with old as (
    select id, chain_id from jobs j
    where finished_at < now() - least(%(failed)s, %(others)s) and {_IS_OLD.format("j")}
      and not exists (select 1 from batches b where b.id = j.batch_id and b.finished_at is null)
      and (chain_id is null or not exists (
              select 1 from jobs l where l.chain_id = j.chain_id and {_IS_OLD.format("l")} is not true))
    limit {BATCH}
), wanted as (
    select id from old where chain_id is null
    union select l.id from old join jobs l on l.chain_id = old.chain_id
), mine as (
    select j.id, j.chain_id from jobs j join wanted on wanted.id = j.id
    where {_IS_OLD.format("j")} order by j.id for update of j skip locked
), gone as (
    delete from jobs where id in (
        select m.id from mine m where m.chain_id is null or not exists (
            select 1 from jobs l where l.chain_id = m.chain_id and l.id not in (select id from mine)))
    returning chain_id
), their_chains as (
    delete from chains where id in (select chain_id from gone)
)
select count(*) as n from gone
"""

BATCHES = f"""
with old as (
    select id from batches b
    where created_at < now() - %(others)s and finished_at < now() - %(others)s
      and not exists (select 1 from jobs where batch_id = b.id)
    limit {BATCH} for update skip locked
), gone as (
    delete from batches where id in (select id from old) returning 1
)
select count(*) as n from gone
"""

# Chains whose jobs were forgotten one by one. By the time that is in their ids they need no index of their own.
CHAINS = f"""
with old as (
    select id from chains c
    where id < %(before)s and not exists (select 1 from jobs where chain_id = c.id)
    order by id limit {BATCH} for update skip locked
), gone as (
    delete from chains where id in (select id from old) returning 1
)
select count(*) as n from gone
"""
