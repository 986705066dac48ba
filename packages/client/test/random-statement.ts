import { Random } from '../../../test/random.js'

/** A schema with everything that may write, or leave something behind, though its name does not say so. */
export const SCHEMA_SQL = `
create table plain (id int primary key, name text, n int default 0, made timestamptz default now(), more jsonb);
create table counted (id bigserial primary key, name text);
create table audited (id int, name text);
create table parted (id int, name text) partition by range (id);
create table parted_1 partition of parted for values from (0) to (100);
insert into plain select g, 'name ' || g, g % 3, now(), jsonb_build_object('a', g) from generate_series(1, 20) g;
insert into audited select g, 'name' from generate_series(1, 5) g;
insert into parted select g, 'name' from generate_series(1, 5) g;
create sequence numbers;
create function twice(int) returns int language sql immutable as 'select $1 * 2';
create function how_many() returns bigint language sql stable as 'select count(*) from plain';
create function note(text) returns int language plpgsql volatile as
  $$ begin insert into audited values (1, $1); return 1; end $$;
create function remember(text) returns text language sql volatile as $$ select set_config('my.value', $1, false) $$;
create function remember_stably(text) returns text language sql stable as $$ select set_config('my.value', $1, false) $$;
create function take_number() returns bigint language sql volatile as $$ select nextval('numbers') $$;
create function roll() returns float8 language sql volatile as 'select random()';
create function lock_it() returns void language sql volatile as 'select pg_advisory_lock(5)';
create procedure act(text) language plpgsql as $$ begin perform set_config('my.value', $1, false); end $$;
create procedure write_it(text) language sql as $$ insert into audited values (2, $1) $$;
create function audit() returns trigger language plpgsql as
  $$ begin perform set_config('my.trigger', 'fired', false); insert into counted (name) values ('audit'); return new; end $$;
create trigger audits before insert or update on audited for each row execute function audit();
create view simple as select id, name from plain;
create view with_function as select id, twice(n) as n, how_many() from plain;
create view with_write as select id, note(name) from plain;
create view with_number as select id, nextval('numbers') as number from plain;
create view with_setting as select id, remember(name) from plain;
create view over_view as select * from with_write;
create view ruled as select id, name from plain;
create rule ruled_insert as on insert to ruled do instead select note(new.name);
create materialized view kept as select id, n from plain;
create operator === (leftarg = int, rightarg = int, function = int4eq);
create function noted(int, int) returns bool language plpgsql volatile as
  $$ begin insert into audited values ($1, 'operator'); return true; end $$;
create operator !=! (leftarg = int, rightarg = int, function = noted);
create function checks(int) returns bool language plpgsql volatile as
  $$ begin insert into audited values ($1, 'domain'); return true; end $$;
create domain even as int check (value % 2 = 0);
create domain loud as int check (checks(value));
create type mood as enum ('good', 'bad');
create table guarded (id int, name text);
insert into guarded values (1, 'a');
create policy watch on guarded using (note('policy') = 1);
alter table guarded enable row level security;
alter table guarded force row level security;
create aggregate add_up (int) (sfunc = int4pl, stype = int, initcond = '0');
create function step(int, int) returns int language sql volatile as $$ select note('aggregate') + $1 $$;
create aggregate add_loudly (int) (sfunc = step, stype = int, initcond = '0');
create view last_made as select 1 as one;
`

const TABLES = ['plain', 'plain', 'counted', 'audited', 'parted', 'public.plain', 'only plain', 'guarded']
const RELATIONS = [
  ...TABLES,
  'simple',
  'with_function',
  'with_write',
  'with_number',
  'with_setting',
  'over_view',
  'kept',
  'ruled',
  'pg_class',
  'information_schema.tables',
  'pg_settings',
  'pg_stat_activity',
]
const HARMLESS = [
  'id',
  'name',
  '~i',
  '~s',
  'count(*)',
  'max(id)',
  'id + ~i',
  'lower(name)',
  "coalesce(name, '')",
  'now()',
  'current_user',
  'twice(~i)',
  'public.twice(~i)',
  'how_many()',
  'add_up(~i)',
  'add_up(id) over (order by id)',
  'id === ~i',
  '~i::even',
  "'good'::mood",
  'case when id > ~i then name end',
  'array(select id from plain)',
  '(select max(n) from plain p where p.id = ~i)',
  'exists (select 1 from simple)',
  'row_number() over ()',
  "to_char(now(), 'YYYY')",
  'pg_backend_pid() > 0',
  "current_setting('work_mem')",
  'pg_column_size(name)',
  "pg_relation_size('plain')",
  'md5(~s)',
  "'{\"a\":1}'::jsonb -> 'a'",
  "jsonb_path_query_array('[1,2]', '$[*]')",
  'xmlforest(id as a)',
  'grouping(id)',
  'extract(year from now())',
  'pg_is_in_recovery() is not null',
  'random() < 2',
  'clock_timestamp() > now()',
  'gen_random_uuid() is not null',
  'pg_sleep(0)',
]
const HARMFUL = [
  "nextval('numbers')",
  "currval('numbers')",
  'lastval()',
  "setval('numbers', ~i)",
  "set_config('my.value', ~s, ~b)",
  'pg_advisory_lock(~i)',
  'pg_try_advisory_lock(~i)',
  'pg_advisory_xact_lock(~i)',
  'pg_notify(~s, ~s)',
  'txid_current()',
  'pg_current_xact_id()',
  'lo_create(0)',
  "lo_from_bytea(0, 'a')",
  'pg_logical_emit_message(~b, ~s, ~s)',
  'pg_switch_wal()',
  'pg_export_snapshot()',
  "query_to_xml('select note(''x'')', true, true, '')",
  "ts_stat('select note(''x'')')",
  'note(~s)',
  '"note"(~s)',
  'public.note(~s)',
  'remember(~s)',
  'remember_stably(~s)',
  'take_number()',
  'lock_it()',
  'roll()',
  '~i !=! ~i',
  '~i operator(public.!=!) ~i',
  '~i::loud',
  'cast(~i as loud)',
  'setseed(0.5)',
  'pg_create_restore_point(~s)',
  'pg_current_wal_lsn()',
  'pg_stat_reset()',
  'nextval(~s)',
]
const CLAUSES = ['', '', '', ' limit 3', ' order by 1', ' offset 1', ' fetch first 2 rows only']
const LOCKS = [
  '',
  '',
  '',
  '',
  '',
  ' for update',
  ' for share skip locked',
  ' for no key update',
  ' for key share',
]
const WRITES = [
  'insert into audited values (~i, ~s)',
  'insert into plain (id) values (~i) on conflict do nothing',
  'insert into counted (name) select name from plain',
  'insert into ruled values (~i, ~s)',
  'update plain set n = ~i where id = ~i',
  'update audited set name = ~s',
  'delete from counted where id = ~i',
  'merge into plain p using audited a on p.id = a.id when matched then update set n = ~i',
]
const COMMANDS = [
  'set work_mem to 1000',
  'set session characteristics as transaction read only',
  'reset work_mem',
  'show work_mem',
  'listen ~c',
  'notify ~c',
  'unlisten *',
  'prepare ~c as select 1',
  'deallocate all',
  'discard temp',
  'create temp table ~c (a int)',
  'create table ~c (a int)',
  'select 1 as one into temp ~c',
  'select * into ~c from plain',
  'create temp view ~c as select 1',
  'refresh materialized view kept',
  "do $$ begin perform set_config('my.value', 'x', false); end $$",
  'do $$ begin end $$',
  'call act(~s)',
  'call write_it(~s)',
  'truncate counted',
  'lock table plain',
  'analyze plain',
  "comment on table plain is 'x'",
  'grant select on plain to public',
  'declare ~c cursor with hold for select 1',
  'declare ~c cursor for ~q',
  'execute nothing',
  'copy (~q) to stdout',
  'copy (~w returning id) to stdout',
  'copy plain to stdout',
  'explain ~q',
  'explain analyze ~q',
  'explain (analyze, costs off) ~w',
  'explain (analyze false) ~w',
  'explain ~w',
  'explain analyze create table ~c as select 1',
  'create table ~c as ~q',
  'table plain',
  'values (1, ~e), (2, ~e)',
  'checkpoint',
  'load ~s',
  'reindex table plain',
  'begin',
  'savepoint a',
  '',
  'security label on table plain is null',
]
const COMMENTS = ['', '', '', '', ' ', '/* insert */', '-- delete\n', '/* /* nested */ */', '\n\t']

/** Statements on `SCHEMA_SQL` from one stream of chance: the same seed gives the same statements. */
export class RandomStatement {
  readonly #random: Random
  #count = 0
  /** Statements of one kind would hide the other. */
  #harmless = true

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  statement(): string {
    this.#harmless = this.#random.chance(0.55)
    const kind = this.#random.next()
    const text =
      kind < 0.65 ? this.#query(2) : kind < 0.75 ? this.#write() : this.#fill(this.#random.pick(COMMANDS))
    return (
      this.#random.pick(COMMENTS) +
      (this.#random.chance(0.1) ? text.toUpperCase().replaceAll("'GOOD'", "'good'") : text)
    )
  }

  #query(depth: number): string {
    const way = this.#random.next()
    if (depth > 0 && way < 0.12) return `${this.#query(depth - 1)} union all ${this.#query(depth - 1)}`
    if (depth > 0 && way < 0.22)
      return `with w as (${this.#query(depth - 1)}) ${this.#select(depth - 1, 'w')}`
    if (depth > 0 && way < 0.28 && !this.#harmless)
      return `with w as (${this.#write()} returning ~1) select * from w`.replace('~1', '*')
    return this.#select(depth, null)
  }

  #select(depth: number, from: string | null): string {
    const list = Array.from({ length: 1 + Math.floor(this.#random.next() * 3) }, () =>
      this.#expression(),
    ).join(', ')
    const source = from ?? this.#source(depth)
    const where = this.#random.chance(0.4) ? ` where ${this.#expression()} is not null` : ''
    const group = this.#random.chance(0.1) ? ' group by id, name' : ''
    const lock = this.#harmless || from !== null ? '' : this.#random.pick(LOCKS)
    return `select ${this.#random.pick(COMMENTS)} ${list} from ${source}${where}${group}${this.#random.pick(CLAUSES)}${lock}`
  }

  #source(depth: number): string {
    const way = this.#random.next()
    if (depth > 0 && way < 0.15) return `(${this.#query(depth - 1)}) q`
    if (way < 0.2) return 'generate_series(1, 3) id'
    if (way < 0.3) return `plain, lateral (select ${this.#expression()}) l`
    if (way < 0.35 && !this.#harmless) return `(select ${this.#fill(this.#random.pick(HARMFUL))} as id) h`
    return this.#harmless
      ? this.#random.pick(['plain', 'simple', 'with_function', 'kept', 'parted'])
      : this.#random.pick(RELATIONS)
  }

  #expression(): string {
    return this.#fill(
      this.#harmless || this.#random.chance(0.6) ? this.#random.pick(HARMLESS) : this.#random.pick(HARMFUL),
    )
  }

  #write(): string {
    return this.#fill(this.#random.pick(WRITES))
  }

  #fill(template: string): string {
    return template.replace(/~[a-z]/g, (hole) => {
      if (hole === '~i') return String(Math.floor(this.#random.next() * 20))
      if (hole === '~s') return this.#random.pick(["'a'", "E'\\''", '$$x$$', "'-- x'"])
      if (hole === '~b') return this.#random.pick(['true', 'false'])
      if (hole === '~c') return `made_${this.#count++}`
      if (hole === '~q') return this.#query(1)
      if (hole === '~w') return this.#write()
      return this.#expression()
    })
  }
}
