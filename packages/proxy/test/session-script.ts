import type { Random } from '../../../test/random.js'

/** What one client does, one thing after the other: a text, or a call to a statement it has prepared. */
export type Act =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'prepared'; readonly name: string; readonly text: string; readonly value: string }
  | { readonly kind: 'with value'; readonly text: string; readonly value: string }

const text = (sql: string): Act => ({ kind: 'text', text: sql })

const SETTINGS = [
  ['work_mem', `'3MB'`],
  ['timezone', `'Asia/Tokyo'`],
  ['datestyle', `'German'`],
  ['search_path', 'other, public'],
  ['statement_timeout', `'50s'`],
  ['extra_float_digits', '0'],
  ['application_name', `'somebody'`],
  ['my.own', `'mine'`],
  ['default_transaction_read_only', 'on'],
  ['default_transaction_isolation', `'serializable'`],
  ['intervalstyle', `'sql_standard'`],
  ['bytea_output', `'escape'`],
  ['client_min_messages', `'error'`],
] as const

/** What shows every setting that any script changes. */
const SHOWN = `select name, setting from pg_settings where name in
  (${SETTINGS.map(([name]) => `'${name === 'datestyle' ? 'DateStyle' : name === 'timezone' ? 'TimeZone' : name === 'intervalstyle' ? 'IntervalStyle' : name}'`).join(', ')}) order by name`

/**
 * A client's acts, by chance. All that differs between clients is `id`: who sees the id of another has seen
 * what is not its own. Rows of shared tables are parted by it, so that scripts do not depend on each other.
 */
export function randomScript(random: Random, id: number, length: number): Act[] {
  const lock = (): number => id * 100 + random.between(0, 2)
  const name = (): string => random.pick(['p', 'q', 'r'])
  const acts: (() => Act[])[] = [
    () => [text(`select ${id} as id, 'plain' as what`)],
    () => [{ kind: 'with value', text: 'select $1::int + 1 as more', value: String(id) }],
    () => [text(`select n from rows where owner = ${id} order by n`)],
    () => [{ kind: 'with value', text: 'select count(*) from rows where owner = $1', value: String(id) }],
    () => [text(`insert into rows values (${id}, ${random.between(1, 1000)}) returning n`)],
    () => [text(`delete from rows where owner = ${id} and n % 3 = 0 returning n`)],
    () => {
      const [setting, value] = random.pick(SETTINGS)
      return [text(`set ${random.pick(['', 'local ', 'session '])}${setting} = ${value}`)]
    },
    () => [text(`reset ${random.pick(SETTINGS)[0]}`)],
    () => [text('reset all')],
    () => [text(SHOWN)],
    () => [text(`show ${random.pick(SETTINGS.filter(([setting]) => setting !== 'my.own'))[0]}`)],
    () => [text(`select nullif(current_setting('my.own', true), '') as own`)],
    () => [text(`select set_config('my.own', '${id}', ${random.chance(0.5)})`)],
    () => [
      text(
        `select '2020-01-01 00:00+00'::timestamptz as at, 0.1::float8 * 3 as f, '1 day 2:00'::interval as i`,
      ),
    ],
    () => [text(`prepare ${name()} as select ${id} as id, 'by sql' as what`)],
    () => [text(`execute ${name()}`)],
    () => [text(`deallocate ${name()}`)],
    () => [text('deallocate all')],
    () => [
      text(
        `select count(*) from pg_prepared_statements where statement ~ '(^|[^0-9])(${'$'}{[...Array(99).keys()].filter((n) => n !== id && n > 0).join('|')}) as id'`,
      ),
    ],
    () => [text('execute pgherd_1')],
    () => [text('select name, statement from pg_prepared_statements where from_sql order by name')],
    () => {
      const of = name()
      return [
        {
          kind: 'prepared',
          name: `${of}_x`,
          text: `select ${id} as id, $1::text as value, '${of}' as of`,
          value: 'v',
        },
      ]
    },
    () => [text(`create temp table mine (id int)`)],
    () => [text(`insert into mine values (${id})`)],
    () => [text('select id from mine order by id')],
    () => [text('drop table mine')],
    () => [text(`create temp view seen as select ${id} as id`)],
    () => [text('select id from seen')],
    () => [text('begin')],
    () => [text('begin isolation level repeatable read')],
    () => [text('commit')],
    () => [text('rollback')],
    () => [text('savepoint s')],
    () => [text('rollback to s')],
    () => [text('release s')],
    () => [text('select 1 / 0')],
    () => [text('select * from nowhere')],
    () => [text(`declare k cursor with hold for select ${id} as id`)],
    () => [text(`declare t cursor for select ${id} as id`)],
    () => [text('fetch 1 from k')],
    () => [text('fetch all from t')],
    () => [text('close all')],
    () => [text('select name from pg_cursors where name is not null order by name')],
    () => [text(`listen channel_${id}`)],
    () => [text(`notify channel_${id}, 'from ${id}'`)],
    () => [text('unlisten *')],
    () => [text('select pg_listening_channels() as channel order by 1')],
    () => [text(`select pg_try_advisory_lock(${lock()}) as got`)],
    () => [text(`select pg_advisory_unlock(${lock()}) as had`)],
    () => [text('select pg_advisory_unlock_all()')],
    () => [
      text(`select count(*)::int as n from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`),
    ],
    () => [text(`select pg_try_advisory_xact_lock(${lock()}) as got`)],
    () => [text('discard all')],
    () => [text('discard temp')],
    () => [text('discard plans')],
    () => [text(`select lastval()`)],
    () => [text(`select currval('numbers') is null as none`)],
    () => [text(`set role reader`)],
    () => [text('reset role')],
    () => [text('select current_user, session_user')],
    () => [text(`select 1; set my.own = '${id}'; select current_setting('my.own')`)],
    () => [text(`do $$ begin perform set_config('my.own', '${id}', false); end $$`)],
    () => [text(`select remember('${id}')`)],
    () => [text(`select nullif(setting_of('my.own'), '') as own`)],
    () => [
      text(
        `set session characteristics as transaction isolation level ${random.pick(['serializable', 'read committed'])}`,
      ),
    ],
    () => [text('show transaction_isolation')],
    () => [text('select txid_current_if_assigned() is null as none')],
    () => [text(`select to_regclass('pg_temp.mine') is not null as there`)],
    () => [text('select setseed(0.5)')],
    () => [text(`set local my.own = '${id} local'`)],
    () => [text(`set client_encoding = ${random.pick([`'LATIN1'`, `'UTF8'`, 'default'])}`)],
    () => [{ kind: 'with value', text: `select 'größe'::text || $1 as text`, value: 'é' }],
  ]
  return Array.from({ length }, () => random.pick(acts)()).flat()
}
