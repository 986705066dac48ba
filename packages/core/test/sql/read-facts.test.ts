import { beforeAll, expect, test } from 'vitest'
import { loadParser, readFacts, type StatementKind, type Trace, type ValueRef } from '../../src/sql/index.js'

beforeAll(loadParser)

const names = (list: readonly { schema: string | null; name: string }[]): string[] =>
  list.map(({ schema, name }) => (schema === null ? name : `${schema}.${name}`)).sort()

const uses = (text: string): string[] =>
  readFacts(text)
    .tables.map((table) => `${table.access} ${names([table])[0]}`)
    .sort()

test.each<[string, StatementKind, boolean, Trace[]]>([
  ['select 1', 'read', false, []],
  ['', 'empty', false, []],
  [' -- nothing', 'empty', false, []],
  ['values (1)', 'read', false, []],
  ['table t', 'read', false, []],
  ['select * from t for update', 'write', true, []],
  ['select * from t for key share skip locked', 'write', true, []],
  ['select * from (select * from t for share) x', 'write', true, []],
  ['insert into t values (1)', 'write', true, []],
  ['update t set a = 1', 'write', true, []],
  ['delete from t', 'write', true, []],
  ['merge into t using s on t.a = s.a when matched then delete', 'write', true, []],
  ['with x as (insert into t values (1) returning *) select * from x', 'write', true, []],
  ['with x as (select 1) select * from x', 'read', false, []],
  ['select 1 into x', 'ddl', true, []],
  ['select 1 into temp x', 'ddl', true, ['temp']],
  ['select 1 into pg_temp.x', 'ddl', true, ['temp']],
  ['select * from pg_temp.x', 'read', false, ['temp']],
  ['create table t (a int)', 'ddl', true, []],
  ['create temp table t (a int)', 'ddl', true, ['temp']],
  ['create temporary view v as select 1', 'ddl', true, ['temp']],
  ['create temp sequence s', 'ddl', true, ['temp']],
  ['create temp table t as select 1', 'ddl', true, ['temp']],
  ['create function pg_temp.f() returns int language sql as $$select 1$$', 'ddl', true, ['temp']],
  ['create index on t (a)', 'ddl', true, []],
  ['alter table t add b int', 'ddl', true, []],
  ['drop table t', 'ddl', true, []],
  ['grant select on t to u', 'ddl', true, []],
  ['truncate t', 'write', true, []],
  ['explain select 1', 'read', false, []],
  ['explain analyze select 1', 'read', false, []],
  ['explain insert into t values (1)', 'write', true, []],
  ['explain analyze delete from t', 'write', true, []],
  ["explain (analyze 'off') update t set a = 1", 'write', true, []],
  ['copy t to stdout', 'copy', false, ['copy']],
  ['copy (select 1) to stdout', 'copy', false, ['copy']],
  ['copy (delete from t returning *) to stdout', 'copy', true, ['copy']],
  ['copy t from stdin', 'copy', true, ['copy']],
  ["copy t to '/tmp/x'", 'copy', true, ['copy']],
  ["copy t to ''", 'copy', true, ['copy']],
  ["copy t to program 'x'", 'copy', true, ['copy']],
  ['begin', 'transaction', false, ['transaction']],
  ['start transaction read only', 'transaction', false, ['transaction']],
  ['commit', 'transaction', false, ['transaction']],
  ['savepoint a', 'transaction', false, ['transaction']],
  ["prepare transaction 'x'", 'transaction', true, ['transaction']],
  ['set a = 1', 'session', false, ['settings']],
  ['set local a = 1', 'session', false, []],
  ['set transaction read only', 'session', false, []],
  ['set session characteristics as transaction read only', 'session', false, ['settings']],
  ['set role x', 'session', false, ['settings']],
  ['set session authorization x', 'session', false, ['settings']],
  ["set time zone 'UTC'", 'session', false, ['settings']],
  ['reset all', 'session', false, ['settings']],
  ['discard temp', 'session', false, ['settings']],
  ['show a', 'session', false, []],
  ['prepare p as select 1', 'session', true, ['prepared']],
  ['execute p', 'session', true, ['prepared', 'unknown']],
  ['deallocate p', 'session', false, ['prepared']],
  ['listen x', 'session', true, ['listen']],
  ['unlisten *', 'session', true, ['listen']],
  ['notify x', 'session', true, []],
  ['declare c cursor for select 1', 'session', false, ['cursor']],
  ['declare c cursor with hold for select * from t for update', 'session', true, ['cursor']],
  ['fetch 5 from c', 'session', false, ['cursor']],
  ['delete from t where current of c', 'write', true, ['cursor']],
  ['lock t', 'session', true, []],
  ['do $$ begin end $$', 'unknown', true, ['unknown']],
  ['call p()', 'unknown', true, ['unknown']],
  ["load 'x'", 'unknown', true, ['unknown']],
  ['vacuum t', 'maintenance', true, []],
  ['analyze', 'maintenance', true, []],
  ['checkpoint', 'maintenance', true, []],
  ['refresh materialized view v', 'maintenance', true, []],
  ["select set_config('a', 'b', true)", 'read', false, ['settings']],
  ['select pg_advisory_lock(1)', 'read', false, ['advisory']],
  ['select pg_try_advisory_lock(1)', 'read', false, ['advisory']],
])('%j is of kind %s, writes: %s, leaves %j', (text, kind, writes, traces) => {
  expect(readFacts(text)).toMatchObject({ understood: true, kind, writes, traces })
})

test.each<[string, string]>([
  ['select', 'SELECT'],
  ['analyze t', 'ANALYZE'],
  ['revoke select on t from u', 'REVOKE'],
  ['rollback to a', 'ROLLBACK TO'],
  ['reset a', 'RESET'],
  ['begin; select 1', 'BEGIN'],
])('the command of %j is %s', (text, command) => {
  expect(readFacts(text).command).toBe(command)
})

test.each(['selec 1', 'select ((', "select '", 'select 1 from', "select U&'d!0061' uescape '!'"])(
  'what cannot be read goes to the primary, on a connection of its own: %j',
  (text) => {
    const facts = readFacts(text)
    expect(facts).toMatchObject({ understood: false, writes: true, kind: 'unknown', traces: ['unknown'] })
    expect(facts.why).toEqual(expect.any(String))
  },
)

test('several statements are as bad as the worst of them', () => {
  expect(readFacts('select 1; set a = 1; set local b = 2; insert into t values (1);')).toMatchObject({
    statements: 4,
    kind: 'session',
    writes: true,
    traces: ['settings'],
  })
  expect(readFacts('select 1;')).toMatchObject({ statements: 1, kind: 'read' })
})

test.each<[string, string[]]>([
  ['select * from a, s.b join only c on true', ['read a', 'read c', 'read s.b']],
  ['select * from "A", B, d.s.t', ['read A', 'read b', 'read s.t']],
  [
    'select (select 1 from a) from b where exists (select from c) order by (select 1 from d)',
    ['read a', 'read b', 'read c', 'read d'],
  ],
  ['with a as (select * from b) select * from a', ['read b']],
  ['with a as (select * from a) select * from a', ['read a']],
  ['with recursive a as (select * from a) select * from a', []],
  ['with a as (select 1), b as (select * from a) select * from b, c', ['read c']],
  ['with b as (select * from a), a as (select 1) select * from b', ['read a']],
  ['with recursive b as (select * from a), a as (select 1) select * from b', []],
  ['with a as (select 1) select * from s.a', ['read s.a']],
  ['select * from (with a as (select 1) select * from a) x, a', ['read a']],
  ['with a as (select 1) (select * from a) union select * from b', ['read b']],
  ['with a as (select 1) insert into a select * from a', ['write a']],
  ['insert into t select * from u returning (select 1 from v)', ['read u', 'read v', 'write t']],
  [
    'insert into t values ((select 1 from u)) on conflict (a) do update set b = (select 1 from v)',
    ['read u', 'read v', 'write t'],
  ],
  [
    'update t x set a = (select 1 from u) from v where exists (select from w)',
    ['read u', 'read v', 'read w', 'write t'],
  ],
  ['delete from only t using u', ['read u', 'write t']],
  [
    'merge into t using (select * from u) x on true when not matched then insert values ((select 1 from v))',
    ['read u', 'read v', 'write t'],
  ],
  [
    'select * from a tablesample system (1), lateral (select * from b) x, unnest(array(select 1 from c))',
    ['read a', 'read b', 'read c'],
  ],
  ['explain select * from a', ['read a']],
  ['copy a from stdin', ['write a']],
  ['values ((select 1 from a))', ['read a']],
])('%j uses %j', (text, expected) => {
  expect(uses(text)).toEqual(expected)
})

test.each<[string, string[]]>([
  [
    'select f(), s.g(h(1)), count(*) filter (where i()), sum(1) over (order by j())',
    ['count', 'f', 'h', 'i', 'j', 's.g', 'sum'],
  ],
  ['select * from f(1), rows from (g(), h()) order by i()', ['f', 'g', 'h', 'i']],
  [
    'insert into t values (f()) on conflict (g(a)) where h() do update set a = i() where j() returning k()',
    ['f', 'g', 'h', 'i', 'j', 'k'],
  ],
  [
    'select case f() when g() then h() else i() end, coalesce(j(), k()), array[l()], row(m()), n() is null',
    'fghijklmn'.split(''),
  ],
  ['select 1 limit f() offset g()', ['f', 'g']],
  ['select 1 group by f() having g() window w as (order by h() rows i() preceding)', ['f', 'g', 'h', 'i']],
  [
    'select extract(year from f()), current_user, x at time zone y',
    ['f', 'pg_catalog.extract', 'pg_catalog.timezone'],
  ],
  [
    "select json_object('a' value f()), json_value(g(), '$' default h() on empty), xmlelement(name a, i())",
    ['f', 'g', 'h', 'i'],
  ],
  [
    "select * from json_table(f(), '$' columns (a int path '$' default g() on error)), xmltable('/a' passing h() columns b int default i())",
    ['f', 'g', 'h', 'i'],
  ],
  ['select a[f():g()], (h()).x, cast(i() as text), j() collate "C"', ['f', 'g', 'h', 'i', 'j']],
  ['select f(a => g(), variadic h()), i() within group (order by j())', ['f', 'g', 'h', 'i', 'j']],
  ['select * from t tablesample s.m(f())', ['f', 's.m']],
  [
    'merge into t using u on f() when matched and g() then update set a = h() when not matched then insert values (i())',
    ['f', 'g', 'h', 'i'],
  ],
])('%j calls %j', (text, expected) => {
  expect(names(readFacts(text).functions)).toEqual(expected)
})

test('operators are named, also those that a construct stands for', () => {
  const text =
    "select a + 1, b operator(s.@@) c from t where a between 1 and 2 and b like 'x' and (a, b) in (select 1, 2) order by a using >>>"
  expect(names(readFacts(text).operators)).toEqual(['+', '<', '<=', '=', '>=', '>>>', 's.@@', '~~'])
})

test('types are named that may not be those of PostgreSQL', () => {
  const text = "select 'a'::mood, b::int, c::s.pos[], cast(d as text) from f() as (e money2, g integer)"
  expect(names(readFacts(text).types)).toEqual(['money2', 'mood', 's.pos', 'text'])
})

test('a qualified column may be a function in disguise, so its name is told', () => {
  expect([...readFacts('select a, t.b, (c).d, (f(1)).e.g from t').attributes].sort()).toEqual([
    'b',
    'd',
    'e',
    'g',
  ])
})

/** `table.column = value or value` for every equality, `$n` or `#literal` as values. */
function equalities(text: string): string[] {
  const facts = readFacts(text)
  return facts.equalities.map(({ block, source, column, values }) => {
    const table = source === null ? null : facts.blocks[block]?.sources[source]
    return `${table?.table?.name ?? (table === null ? '?' : `(${table?.alias})`)}.${column} = ${values.map(show).join(' or ')}`
  })
}

function show({ kind, index, negative, type, array }: ValueRef): string {
  const value = `${negative ? '-' : ''}${kind === 'parameter' ? '$' : '#'}${index}${type === null ? '' : `::${type}`}`
  return array ? `any(${value})` : value
}

test.each<[string, string[]]>([
  ['select from t where id = $1', ['t.id = $1']],
  ['select from t where $1 = t.id', ['t.id = $1']],
  ['select from t where id = 7 and b = $2', ['t.id = #0', 't.b = $2']],
  ['select 1, 2 from t x where x.id = 7', ['t.id = #2']],
  ['select from t where id = -5', ['t.id = -#0']],
  ['select from t where id = - (- 5)', ['t.id = #0']],
  ['select from t where id = + 5', []],
  ["select 'ö€😀' from tä where ö = '7' and ü = 8", ['tä.ö = #1', 'tä.ü = #2']],
  ["select from t where id = '7'::int and a = $1::uuid", ['t.id = #0::int4', 't.a = $1::uuid']],
  ["select from t where id = '7'::varchar(1)", []],
  ["select from t where id = '7.5'::numeric::int", []],
  ['select from t where id in (1, $2)', ['t.id = #0 or $2']],
  ['select from t where id in (1, a)', []],
  ['select from t where id not in (1)', []],
  ['select from t where id in (select 1)', []],
  ['select from t where id = any($1)', ['t.id = any($1)']],
  ["select from t where id = any('{1,2}'::int[])", ['t.id = any(#0::int4)']],
  ['select from t where id = any(array[1, $1])', ['t.id = #0 or $1']],
  ['select from t where id = all($1)', []],
  ['select from t where id <> any($1)', []],
  ['select from t where (a, b) = ($1, 2)', ['t.a = $1', 't.b = #0']],
  ['select from t where (a, b) in (($1, 2), ($3, 4))', ['t.a = $1 or $3', 't.b = #0 or #1']],
  ['select from t where id = 1 or a = 2', []],
  ['select from t where not id = 1', []],
  ['select from t where (id = 1) is true', []],
  [
    'select from t where id = 1 and (a = 2 or b = 3) and (c = 4 and d = 5)',
    ['t.id = #0', 't.c = #3', 't.d = #4'],
  ],
  ['select from t where id = null', []],
  ['select from t where id is not distinct from 1', []],
  ['select from t where id operator(pg_catalog.=) 1', ['t.id = #0']],
  ['select from t where id operator(s.=) 1', []],
  ['select from t, u where t.id = 1 and b = 2', ['t.id = #0', '?.b = #1']],
  ['select from t join u on t.id = 1', ['t.id = #0']],
  ['select from t left join u on t.id = 1', []],
  ['select from t left join u on true where u.id = 1', ['u.id = #0']],
  ['select from (t join v on t.a = 1) left join (u join w on u.id = 1) on true', ['t.a = #0']],
  ['select from t full join u on t.id = 1', []],
  ['select from t t1, t t2 where t1.id = 1', ['t.id = #0']],
  ['select from t as x (a) where x.a = 1', ['(x).a = #0']],
  ['select from (select * from t) x where x.a = 1', ['(x).a = #0']],
  ['with t as (select 1) select from t where a = 1', ['(t).a = #1']],
  ['select from t where exists (select from u where u.id = $1 and a = 2)', ['u.id = $1', '?.a = #0']],
  ['select from t where exists (select from u where t.id = $1)', []],
  ['select from t, lateral (select from u where a = 1) x', ['?.a = #0']],
  ['select from t, (select from u where a = 1) x', ['u.a = #0']],
  ['select from t having a = 1', []],
  ['select from t where id = 1 union select from u where id = 2', ['t.id = #0', 'u.id = #1']],
  ['update t set a = 1 where id = 2', ['t.id = #1']],
  ['update t set a = 1 from u where t.id = 2 and u.b = 3', ['t.id = #1', 'u.b = #2']],
  ['delete from t where id = $1', ['t.id = $1']],
  ['insert into t select from u where id = $1', ['u.id = $1']],
  ['merge into t using u on t.id = 1 when matched then delete', []],
  ['explain select from t where id = $1', ['t.id = $1']],
])('%j has the equalities %j', (text, expected) => {
  expect(equalities(text)).toEqual(expected)
})

test('columns equal to columns are told, with the side each is on', () => {
  const { blocks, columnPairs } = readFacts(
    'select from t join u using (a) join w on w.b = u.b where t.c = w.c',
  )
  const tell = (source: number | null): string => blocks[0]?.sources[source ?? -1]?.alias ?? '?'
  expect(
    columnPairs.map(
      ({ left, right }) => `${tell(left.source)}.${left.column} = ${tell(right.source)}.${right.column}`,
    ),
  ).toEqual(['t.a = u.a', 'w.b = u.b', 't.c = w.c'])
})

test('an INSERT tells its columns and its rows', () => {
  const [insert] = readFacts(
    "insert into s.t (a, b) values ($1, default), ('x'::text, f()), (-3, 4) on conflict do nothing",
  ).inserts
  expect(insert).toMatchObject({
    table: { schema: 's', name: 't' },
    columns: ['a', 'b'],
    conflict: 'nothing',
  })
  expect(insert?.rows?.map((row) => row.map((value) => (value === null ? null : show(value))))).toEqual([
    ['$1', null],
    ['#0::text', null],
    ['-#1', '#2'],
  ])
  expect(readFacts('insert into t select 1').inserts).toMatchObject([
    { columns: null, rows: null, conflict: 'none' },
  ])
  expect(readFacts('insert into t default values').inserts).toMatchObject([{ rows: [[]] }])
})

test('numbers that stand for an output column are told, for their value changes the meaning', () => {
  expect(readFacts('select 5, a from t group by 1 order by 2, a, -3').positions).toEqual([
    { block: 0, clause: 'order', literal: 2 },
    { block: 0, clause: 'order', literal: 3 },
    { block: 0, clause: 'group', literal: 1 },
  ])
})

test('the highest parameter is told', () => {
  expect(readFacts('select $3, $12 where $1 limit $2').maxParameter).toBe(12)
})

test('facts are frozen through and through', () => {
  const facts = readFacts('select from t where id = 1')
  expect(Object.isFrozen(facts)).toBe(true)
  expect(Object.isFrozen(facts.equalities[0]?.values[0])).toBe(true)
})

/** `[sources] condition` for each that holds for the rows of some sources only. */
function outerConditions(text: string): string[] {
  const { blocks, outerEqualities, outerPairs } = readFacts(text)
  const name = ({
    block,
    source,
    column,
  }: {
    block: number
    source: number | null
    column: string
  }): string => `${source === null ? '?' : blocks[block]?.sources[source]?.alias}.${column}`
  const within = ({ first, end }: { first: number; end: number }): string =>
    `[${blocks[0]?.sources.slice(first, end).map(({ alias }) => alias)}]`
  return [
    ...outerEqualities.map(
      ({ of, condition }) => `${within(of)} ${name(condition)} = ${condition.values.map(show)}`,
    ),
    ...outerPairs.map(({ of, condition: { left, right } }) => `${within(of)} ${name(left)} = ${name(right)}`),
  ]
}

test.each<[string, string[]]>([
  ['select from t left join u on t.a = u.a and u.b = 1', ['[u] u.b = #0', '[u] t.a = u.a']],
  ['select from t right join u on t.a = u.a', ['[t] t.a = u.a']],
  ['select from t left join u using (a)', ['[u] t.a = u.a']],
  ['select from t left join u on t.a = u.a where u.b = 1', []],
  ['select from t full join u on t.a = u.a', []],
  ['select from t full join u on t.a = u.a where t.b = 1', ['[u] t.a = u.a']],
  ['select from t full join u on t.a = u.a where t.b = 1 and u.b = 2', []],
  ['select from (t join u on t.a = u.a) full join v on true', ['[t,u] t.a = u.a']],
  ['select from t left join (u join v on u.a = v.a) on t.b = u.b', ['[u,v] u.a = v.a', '[u,v] t.b = u.b']],
  [
    'select from t left join (u left join v on u.a = v.a) on t.b = v.b',
    ['[u,v] u.a = v.a', '[u,v] t.b = v.b'],
  ],
  ['select from (t left join u on t.a = u.a) left join v on v.a = u.a', ['[u] t.a = u.a', '[v] v.a = u.a']],
  [
    'merge into t using u on t.a = u.a and u.b = 1 when matched then delete',
    ['[t,u] u.b = #0', '[t,u] t.a = u.a'],
  ],
  ['merge into t using u on t.a = u.a when not matched then insert default values', ['[t] t.a = u.a']],
  ['merge into t using u on t.a = u.a when not matched by source then delete', ['[u] t.a = u.a']],
])('%j has the outer conditions %j', (text, expected) => {
  expect(outerConditions(text)).toEqual(expected)
})

test.each<[string, string[]]>([
  ['select from t left join u on t.a = u.a', ['u']],
  ['select from t left join u on t.a = u.a where u.a = 1', []],
  ['select from t left join u on t.a = u.a where u.a = t.a', []],
  ['select from t left join u on true where u.a is null', ['u']],
  ['select from t right join (u join v on true) on true', ['t']],
  ['select from t full join u on true', ['t', 'u']],
])('in %j outer joins make NULLs of %j', (text, expected) => {
  const [block] = readFacts(text).blocks
  expect(block?.sources.flatMap(({ alias, nullable }) => (nullable ? [alias] : []))).toEqual(expected)
})

test('a condition names only what is in sight where it stands', () => {
  expect(equalities('select from v where exists (select from t join u on v.id = 1, w v)')).toEqual([])
  expect(
    equalities('select from t where exists (select from (t join u on true) as j where t.id = 1)'),
  ).toEqual([])
  expect(equalities('select from (t join u on t.id = 1) as j')).toEqual([])
  expect(equalities('select from t left join u using (id) where id = 1')).toEqual([])
  expect(equalities('select from t join u using (id) where id = 1')).toEqual(['?.id = #0'])
})

test.each<[string, string[]]>([
  ['select from t where exists (select from u where u.a = t.b)', ['u.a = t.b']],
  ['select (select 1 from u where t.b = a) from t', ['?.a = t.b']],
  ['select from t where exists (select from u where exists (select from v where v.a = t.a))', ['v.a = t.a']],
  ['select from t where exists (select from u t where t.a = t.b)', []],
  ['select from t where exists (select from u left join v on v.a = t.a)', []],
  ['select from t join w on exists (select from u where u.a = t.a)', []],
  ['select from t, lateral (select from u where u.a = t.a) x', []],
  ['select from t, (select from u where u.a = t.a) x', []],
  ['select from (t join w on true) as j where exists (select from u where u.a = t.a)', []],
  ['update t set b = (select 1 from u where u.a = t.a)', ['u.a = t.a']],
])('%j asks of the row around a subquery %j', (text, expected) => {
  const { blocks, correlations } = readFacts(text)
  const name = ({
    block,
    source,
    column,
  }: {
    block: number
    source: number | null
    column: string
  }): string => `${source === null ? '?' : blocks[block]?.sources[source]?.alias}.${column}`
  expect(correlations.map(({ inner, outer }) => `${name(inner)} = ${name(outer)}`)).toEqual(expected)
})

test('every naming of a table is counted, and each in a query is a source', () => {
  const { tables, blocks } = readFacts(
    'select from t, t x, t as y (a), (select from t) z, u where a in (select a from u)',
  )
  expect(tables.map(({ name, uses }) => [name, uses])).toEqual([
    ['t', 4],
    ['u', 2],
  ])
  const relations = blocks.flatMap(({ sources }) => sources.map(({ relation }) => relation?.name ?? null))
  expect(relations.filter((name) => name === 't')).toHaveLength(4)
})

test('it is told where blocks stand, and whether they take some rows only', () => {
  const placesOf = (text: string): string[] =>
    readFacts(text).blocks.map(({ place, limited }) => `${place}${limited ? ' limited' : ''}`)
  expect(placesOf('select from (select 1) x where exists (select 1 limit 1)')).toEqual([
    'top',
    'from',
    'expression limited',
  ])
  expect(placesOf('with x as (select distinct on (a) a from t) select distinct a from x')).toEqual([
    'cte limited',
    'top',
  ])
  expect(placesOf('select 1 union select 2 offset 1')).toEqual(['arm limited', 'arm limited'])
  expect(placesOf('insert into t select 1')).toEqual(['top', 'insert'])
})

test('columns that are set are told', () => {
  const set = (text: string) =>
    readFacts(text).assignments.map(({ column, fromExcluded }) => [column, fromExcluded])
  expect(set('update t set a = 1, (b, c) = (select 1, 2), d[1] = 3')).toEqual(
    ['a', 'b', 'c', 'd'].map((name) => [name, false]),
  )
  expect(
    set('insert into t values (1) on conflict (a) do update set a = excluded.a, b = excluded.a'),
  ).toEqual([
    ['a', true],
    ['b', false],
  ])
  expect(
    set(
      'merge into t using u on true when matched then update set a = 1 when not matched then insert (b) values (1)',
    ),
  ).toEqual([['a', false]])
})

test('an INSERT … SELECT tells what it selects, if that is plain', () => {
  const selected = (text: string) => readFacts(text).inserts[0]?.selected
  expect(selected('insert into t select a, u.b, 1, f() from u')).toMatchObject([
    { source: 0, column: 'a' },
    { source: 0, column: 'b' },
    { kind: 'literal', index: 0 },
    null,
  ])
  for (const query of [
    'select * from u',
    'select 1, u.* from u',
    'select (f()).*',
    'select a from u union select 1',
    'with x as (select 1) select a from u',
    'select a from u group by rollup (a)',
    'values (1)',
  ])
    expect(selected(`insert into t ${query}`)).toBe(null)
  const { inserts } = readFacts('insert into t values ((f()).*, 1), (2, 3)')
  expect(inserts[0]?.rows).toMatchObject([
    [null, null],
    [{ index: 1 }, { index: 2 }],
  ])
  expect(readFacts('insert into t values (1), (2) limit 1').inserts[0]?.rows).toBe(null)
})

test('words that each server answers for itself are told', () => {
  expect(
    readFacts('select ctid, t.xmin, current_timestamp from t where localtime is null').serverWords,
  ).toEqual(['ctid', 'xmin', 'current_timestamp', 'localtime'])
})

test.each<[string, string[]]>([
  ['truncate a, s.b', ['a', 's.b']],
  ['drop table a, s.b', ['a', 's', 's.b']],
  ['drop trigger t on s.b', ['b.t', 's.b']],
  ["comment on column s.b.c is ''", ['b.c', 's.b']],
  ['create table a (like s.b, c int references d (e), unique (f), check (g > 0))', ['a', 'd', 's.b']],
  ['create view v as select * from a where x in (select y from s.b)', ['a', 's.b', 'v']],
  ['vacuum a (b)', ['a']],
  ['explain select * from a', []],
  ['select * from a', []],
])('%j mentions %j', (text, expected) => {
  expect(names(readFacts(text).mentions)).toEqual(expected)
})
