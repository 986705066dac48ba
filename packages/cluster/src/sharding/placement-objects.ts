import { createHash } from 'node:crypto'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { KEY_GUARD } from './key-guard.js'

/** As many as ten bits of an id can tell apart. */
export const MOST_GROUPS = 1024

/** What numbers a group gives. */
export interface GroupNumbers {
  /** Its place in the order of all groups, which stays: part of its ids. */
  readonly number: number
  /** Its sequences give no number that those of another group give. */
  readonly strided: boolean
}

/**
 * Sequences that are strided go by as much, whatever the number of shards is, so that a shard that comes later
 * finds numbers that nobody gives.
 */
export const STRIDE = 64

/**
 * What every group has of its herd's placement, in schema `pgherd`; docs/sharding.md says what each is for.
 * May be run again.
 */
export function placementObjects({ number, strided }: GroupNumbers): string {
  const text = [
    SCHEMA,
    PLACEMENT,
    EPOCH_NAME,
    ENTER,
    DECISION,
    SCHEMA_CHANGE,
    nextId(number),
    KEY_GUARD,
    strided ? strideSequences(number) : UNSTRIDED,
  ].join('\n')
  return `${text}\ncomment on schema pgherd is '${versionOf(text)}';`
}

/** Whether all of them are there, as this version of pgherd makes them. */
export async function havePlacementObjects(client: pg.Client, numbers: GroupNumbers): Promise<boolean> {
  const version = /'([^']*)';$/.exec(placementObjects(numbers))?.[1]
  const { rows } = await client.query<{ there: boolean }>(
    `select obj_description(to_regnamespace('pgherd'), 'pg_namespace') = $1
       and to_regclass('pgherd.placement') is not null
       and to_regclass('pgherd.decision') is not null
       and to_regclass('pgherd.schema_change') is not null
       and to_regclass('pgherd.id_counter') is not null
       and to_regclass('pgherd.id_gate') is not null
       and to_regprocedure('pgherd.name_epoch()') is not null
       and exists (select from pg_ts_config
         where cfgnamespace = to_regnamespace('pgherd') and cfgname like '${EPOCH_PREFIX}%')
       and to_regprocedure('pgherd.enter(bigint, text)') is not null
       and to_regprocedure('pgherd.next_id()') is not null
       and to_regprocedure('pgherd.advance_ids()') is not null
       and to_regprocedure('pgherd.guard_keys()') is not null
       and exists (select from pg_event_trigger where evtname = 'pgherd_guard_keys')
       and ($2 = exists (select from pg_event_trigger where evtname = 'pgherd_stride_sequences')) as there`,
    [version, numbers.strided],
  )
  return rows[0]?.there === true
}

/**
 * A schema of that name which somebody else made would be theirs to change: who routes by it would be led
 * astray. Throws NOT_SUPPORTED.
 */
export async function refuseForeignSchema(client: pg.Client, group: string): Promise<void> {
  const { rows } = await client.query<{ owner: string }>(
    `select rolname as owner from pg_namespace join pg_roles on pg_roles.oid = nspowner
     where nspname = 'pgherd' and not rolsuper`,
  )
  const [foreign] = rows
  if (foreign === undefined) return
  throw new HerdError(
    'NOT_SUPPORTED',
    `In group ${group} there is a schema "pgherd" of the role ${foreign.owner}, where the placement has to be.`,
    { hint: 'Give that schema another name: alter schema pgherd rename to …' },
  )
}

function versionOf(text: string): string {
  return `Where rows belong, kept by pgherd (${createHash('sha256').update(text).digest('hex').slice(0, 16)})`
}

const SCHEMA = `
create schema if not exists pgherd;
grant usage on schema pgherd to public;`

// Bytes that are random do not compress: they are kept, and read, as they are.
const PLACEMENT = `
create table if not exists pgherd.placement (
  only_row bool primary key default true check (only_row),
  epoch bigint not null,
  fenced_epoch bigint not null,
  map jsonb not null,
  stretches bytea not null,
  tables jsonb not null,
  groups jsonb not null,
  home text not null,
  this_group text not null);
alter table pgherd.placement alter stretches set storage external;
revoke all on pgherd.placement from public;
grant select on pgherd.placement to public;`

const EPOCH_PREFIX = 'shard_map_of_epoch_'

/**
 * The startup option with which a session begins only where the placement is of this epoch. For those who
 * cannot call `pgherd.enter`, as `postgres_fdw` cannot: PostgreSQL refuses a session that is to begin with a
 * text search configuration that does not exist (`check_default_text_search_config`,
 * src/backend/utils/cache/ts_cache.c), and of these there is one, whose name is that of the epoch.
 */
export function epochOption(epoch: number): string {
  return `-c default_text_search_config=pgherd.${EPOCH_PREFIX}${epoch}`
}

// Renamed and not made anew, so that nothing that somebody rests on it can keep an epoch from coming.
const EPOCH_NAME = `
create or replace function pgherd.name_epoch() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  named name;
  wanted name := '${EPOCH_PREFIX}' || new.epoch;
begin
  select cfgname into named from pg_ts_config
    where cfgnamespace = 'pgherd'::regnamespace and cfgname like '${EPOCH_PREFIX}%';
  if named is null then
    execute format('create text search configuration pgherd.%I (copy = %s)',
      wanted, current_setting('default_text_search_config'));
  elsif named <> wanted then
    execute format('alter text search configuration pgherd.%I rename to %I', named, wanted);
  end if;
  return null;
end $$;
create or replace trigger name_epoch after insert or update of epoch on pgherd.placement
  for each row execute function pgherd.name_epoch();`

const ENTER = `
create or replace function pgherd.enter(wanted_epoch bigint, wanted_group text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  placed record;
begin
  select epoch, this_group into placed from pgherd.placement;
  if placed.epoch is distinct from wanted_epoch then
    raise exception 'this shard is under epoch %, not %', placed.epoch, wanted_epoch using errcode = 'PH001';
  end if;
  if placed.this_group is distinct from wanted_group then
    raise exception 'this shard is %, not %', placed.this_group, wanted_group using errcode = 'PH001';
  end if;
end $$;`

// How transactions over several groups were decided of which this one was to decide. Who does not know the
// id, which is drawn at random, has no part in it.
const DECISION = `
create table if not exists pgherd.decision (
  id uuid primary key,
  committed bool not null,
  at timestamptz not null default clock_timestamp());
revoke all on pgherd.decision from public;
grant insert (id, committed) on pgherd.decision to public;`

/** Who listens to it on the home group hears that tables have been changed. */
export const SCHEMA_CHANNEL = 'pgherd_schema'

// Of use on the home group: whoever changes tables says so, and can wait until the federation has followed.
const SCHEMA_CHANGE = `
create table if not exists pgherd.schema_change (
  only_row bool primary key default true check (only_row),
  asked bigint not null default 0,
  done bigint not null default 0);
insert into pgherd.schema_change default values on conflict do nothing;
revoke all on pgherd.schema_change from public;
grant select on pgherd.schema_change to public;
create or replace function pgherd.note_schema_change() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  noted bigint;
begin
  update pgherd.schema_change set asked = asked + 1 returning asked into noted;
  perform pg_notify('${SCHEMA_CHANNEL}', '');
  return noted;
end $$;`

/**
 * The counter holds milliseconds and a number within the millisecond, 12 bits. While it is not behind the
 * clock, ids are what it counts. One who finds it behind sets it forward, under a lock that is a
 * subtransaction's: undone with it, so that nobody keeps it till the end of his transaction, however he
 * ends. Why no id can come twice: docs/decisions/2026-11-21-ids-over-shards.md.
 */
function nextId(groupNumber: number): string {
  return `
create sequence if not exists pgherd.id_counter as bigint minvalue 1 no cycle;
create table if not exists pgherd.id_gate ();
revoke all on pgherd.id_gate from public;
revoke all on sequence pgherd.id_counter from public;
grant usage on sequence pgherd.id_counter to public;
create or replace function pgherd.advance_ids() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  now_ms bigint;
  counted bigint;
begin
  begin
    lock table pgherd.id_gate in exclusive mode;
    now_ms := floor(extract(epoch from clock_timestamp()) * 1000) - ${IDS_BEGIN_MS};
    select last_value into counted from pgherd.id_counter;
    if counted >> 12 < now_ms - 2 then
      perform setval('pgherd.id_counter', now_ms << 12, false);
    end if;
    counted := nextval('pgherd.id_counter');
    raise exception using errcode = 'PH002';
  exception when sqlstate 'PH002' then
    return counted;
  end;
end $$;
create or replace function pgherd.next_id() returns bigint
language plpgsql volatile as $$
declare
  counted bigint := nextval('pgherd.id_counter');
begin
  if counted >> 12 < floor(extract(epoch from clock_timestamp()) * 1000)::bigint - ${IDS_BEGIN_MS + 1} then
    counted := pgherd.advance_ids();
  end if;
  return ((counted >> 12) << 22) | ${groupNumber << 12} | (counted & 4095);
end $$;`
}

/** 2025-01-01, in milliseconds since 1970. */
const IDS_BEGIN_MS = Date.UTC(2025, 0, 1)

const UNSTRIDED = `
drop event trigger if exists pgherd_stride_sequences;
drop function if exists pgherd.stride_sequences();`

/**
 * In the transaction that makes a sequence, whoever makes it, and before anybody draws from it. A line of numbers
 * that are `step` apart is dealt out to 64 groups in turn, counted from 0 and not from where a sequence starts: two
 * groups have no number in common, whatever START was said, and also where one was made like another. One that
 * cycles comes back to where it started. As the role that makes it, whose it is.
 * Only where a column is added to rows has it been drawn from by then, on every shard alike, which is refused.
 */
function strideSequences(groupNumber: number): string {
  return `
create or replace function pgherd.stride_sequences() returns event_trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made record;
  is_drawn bool;
  step bigint;
  place bigint;
  first bigint;
begin
  for made in
    select object_identity, seqincrement, seqstart, seqcycle
    from pg_event_trigger_ddl_commands() join pg_sequence on seqrelid = objid
    where command_tag = 'CREATE SEQUENCE' and not in_extension and schema_name not in ('pg_temp', 'pgherd')
  loop
    execute format('select is_called from %s', made.object_identity) into is_drawn;
    if is_drawn then
      raise exception 'rows that are there cannot be numbered by the sequence %: each shard would begin at the same number',
        made.object_identity using errcode = '0A000',
        hint = 'Add the column without it, fill it with pgherd.next_id(), and make the sequence its default then.';
    end if;
    if ${groupNumber} >= ${STRIDE} then
      raise exception 'the sequence % cannot be strided: there are numbers for ${STRIDE} groups, and this is a later one',
        made.object_identity using errcode = '0A000', hint = 'Use pgherd.next_id().';
    end if;
    step := abs(made.seqincrement);
    if step % ${STRIDE} = 0 then
      step := step / ${STRIDE};
    end if;
    place := floor(made.seqstart::numeric / step);
    first := made.seqstart + sign(made.seqincrement)::bigint * step
      * ((sign(made.seqincrement)::bigint * (${groupNumber} - place) % ${STRIDE} + ${STRIDE}) % ${STRIDE});
    execute format('alter sequence %s increment by %s start with %s restart %s',
      made.object_identity, sign(made.seqincrement)::bigint * step * ${STRIDE}, first,
      case when made.seqcycle then
        format(case when made.seqincrement > 0 then 'minvalue %s' else 'maxvalue %s' end, first) end);
  end loop;
end $$;
drop event trigger if exists pgherd_stride_sequences;
create event trigger pgherd_stride_sequences on ddl_command_end
  when tag in ('CREATE TABLE', 'CREATE SEQUENCE', 'CREATE SCHEMA', 'ALTER TABLE')
  execute function pgherd.stride_sequences();`
}
