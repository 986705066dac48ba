import { beforeAll, describe, expect, test } from 'vitest'
import { ERROR_CATALOGUE } from '../../../src/errors.js'
import { ShardedTables } from '../../../src/routing/index.js'
import { moduloMap } from '../../../src/sharding/index.js'
import { loadParser } from '../../../src/sql/index.js'
import { planOf, type Setting, sharded, show } from './planned.js'

beforeAll(loadParser)

type Case = readonly [text: string, plan: string, setting?: Setting]

function goes(cases: readonly Case[]): void {
  test.each(cases.map(([text, plan, setting]) => ({ text, plan, setting })))(
    '$text → $plan',
    ({ text, plan, setting }) => {
      expect(show(planOf(text, setting))).toBe(plan)
    },
  )
}

const p = (...parameters: unknown[]): Setting => ({ parameters })
const UNKNOWN: Setting = { calls: 'unknown' }

describe('what touches nothing that is spread is for the home group', () => {
  goes([
    ['select 1', 'home'],
    ['', 'home'],
    ['select * from settings', 'home'],
    ['select * from settings', 'home', UNKNOWN],
    ['select * from archive.orders', 'home'],
    ['select * from pg_temp.orders', 'home'],
    ['select * from "Orders"', 'home'],
    ['select * from settings orders', 'home'],
    ['with orders as (select 1) select * from orders', 'home'],
    ['with recursive orders as (select 1 union all select * from orders) select * from orders', 'home'],
    ["select 'orders' from settings -- orders", 'home'],
    ['create table x (a int)', 'home'],
    ['create table x (orders int check (orders > 0), unique (orders))', 'home'],
    ['begin', 'home'],
    ['set search_path to x', 'home'],
    ['vacuum', 'home'],
    ['do $$ begin end $$', 'home'],
    ['selec 1', 'home', { tables: new ShardedTables([]) }],
  ])
})

describe('a key that is said leads to one shard', () => {
  goes([
    ['select * from orders where customer_id = 5', 'one 0'],
    ['select * from orders where 15 = customer_id', 'one 1'],
    ['select * from public.orders where orders.customer_id = 15', 'one 1'],
    ['select * from log.events where customer_id = 15', 'one 1'],
    ['select * from events where customer_id = 15', 'one 1'],
    ['select * from orders o where o.customer_id = 25', 'one 2'],
    ['select * from "orders" where "customer_id" = /* 5 */ 25 -- 5', 'one 2'],
    ['select * from orders where customer_id = -15', 'one 0'],
    ['select * from orders where customer_id = - (- 15)', 'one 1'],
    ["select * from orders where customer_id = '15'", 'one 1'],
    ["select * from orders where customer_id = ' +15 '", 'one 1'],
    ["select * from orders where customer_id = E'15'", 'one 1'],
    ['select * from orders where customer_id = $$15$$', 'one 1'],
    ['select * from orders where customer_id = $x$15$x$', 'one 1'],
    ["select * from orders where customer_id = '15'::bigint", 'one 1'],
    ['select * from orders where customer_id = $1', 'one 1', p(15)],
    ['select * from orders where customer_id = $1', 'one 1', p('15')],
    ['select * from orders where customer_id = $2::int', 'one 2', p(5, 25)],
    ['select * from orders where (customer_id, id) = ($1, 3)', 'one 2', p(25)],
    ['select * from orders where customer_id = 5 and total > 3 or false', 'read 012 beside'],
    ['select * from orders where total > 3 and (customer_id = 5 and note is null)', 'one 0'],
    ['table orders', 'read 012 beside'],
    ['select * from only orders where customer_id = 5', 'one 0'],
    ['select * from orders tablesample system (10) where customer_id = 5', 'one 0'],
    ['select count(*), max(total) from orders where customer_id = 5 group by id order by 1 limit 3', 'one 0'],
    ['select * from orders where customer_id = 15 for update', 'one 1'],
    ['select my_function(total) from orders where customer_id = 15', 'one 1', UNKNOWN],
    ['explain analyze select * from orders where customer_id = 15', 'one 1'],
    ['update orders set total = 1 where customer_id = 15', 'one 1'],
    ['update orders set total = 1 where customer_id = 15', 'one 1', UNKNOWN],
    ['update orders o set total = random() where o.customer_id = 15 returning *', 'one 1'],
    ['delete from orders where customer_id = $1', 'one 2', p(99)],
    ['select * from tiny where k = 15', 'one 1'],
  ])
})

describe('what is not the key, or not plainly its value, leads nowhere', () => {
  goes([
    ['select * from orders where id = 5', 'read 012 beside'],
    ['select * from orders where customer_id > 5', 'read 012 beside'],
    ['select * from orders where customer_id = 5.0', 'read 012 beside'],
    ['select * from orders where customer_id = 5 + 0', 'read 012 beside'],
    ['select * from orders where customer_id + 0 = 5', 'read 012 beside'],
    ["select * from orders where customer_id = '0x5'", 'read 012 beside'],
    ["select * from orders where customer_id = '5'::text", 'read 012 beside'],
    ["select * from orders where customer_id = '5'::numeric", 'read 012 beside'],
    ["select * from orders where customer_id = '1'\n'5'", 'read 012 beside'],
    ["select * from orders where customer_id = N'5'", 'read 012 beside'],
    ["select * from orders where customer_id = E'\\x35'", 'read 012 beside'],
    ['select * from orders where customer_id = $1', 'read 012 beside', p(5.5)],
    ['select * from orders where customer_id = $1::numeric', 'read 012 beside', p(5)],
    ['select * from orders where not customer_id = 5', 'read 012 beside'],
    ['select * from orders where customer_id is not distinct from 5', 'read 012 beside'],
    ['select * from orders where customer_id operator(s.=) 5', 'read 012 beside'],
    ['select * from orders where (customer_id = 5) is true', 'read 012 beside'],
    ['select * from orders having customer_id = 5', 'read 012 beside'],
    ['select * from orders o where orders.customer_id = 5', 'read 012 beside'],
    ['select * from orders as o (customer_id, id) where o.customer_id = 5', 'read 012'],
    ['select * from orders as o (customer_id) where customer_id = 5', 'read 012'],
    ['select customer_id = 5 from orders', 'read 012 beside'],
    ['select * from orders order by customer_id = 5', 'read 012 beside'],
    ['select case when customer_id = 5 then 1 end from orders', 'read 012 beside'],
    ['select * from orders where customer_id = id', 'read 012 beside'],
    ['select * from orders', 'read 012', UNKNOWN],
  ])
})

describe('lists narrow what is read', () => {
  goes([
    ['select * from orders where customer_id in (1, 2, 9)', 'one 0'],
    ['select * from orders where customer_id in (1, 15)', 'read 01 beside'],
    ['select * from orders where customer_id in (25, 1)', 'read 02 beside'],
    ['select * from orders where customer_id in (25, 1)', 'read 012', UNKNOWN],
    ['select * from orders where customer_id in (1, 15, 5.0)', 'read 012 beside'],
    ['select * from orders where customer_id in (1, (select 15))', 'read 012 beside'],
    ['select * from orders where customer_id not in (1, 2)', 'read 012 beside'],
    ['select * from orders where customer_id = any($1)', 'one 1', p([11, 12])],
    ['select * from orders where customer_id = any($1)', 'read 12 beside', p([25, 11, null])],
    ['select * from orders where customer_id = any($1::int[])', 'read 12 beside', p([25, 11])],
    ['select * from orders where customer_id = any($1::text[])', 'read 012 beside', p([25, 11])],
    ['select * from orders where customer_id = any(\'{11, "12" ,NULL}\')', 'one 1'],
    ["select * from orders where customer_id = any('{11,25}'::bigint[])", 'read 12 beside'],
    ["select * from orders where customer_id = any('{{11},{12}}')", 'read 012 beside'],
    ['select * from orders where customer_id = any(array[11, $1])', 'one 1', p(12)],
    ['select * from orders where customer_id = all($1)', 'read 012 beside', p([11])],
    ['select * from orders where customer_id in (1, 15) and customer_id in (15, 25)', 'one 1'],
    ['select * from orders where customer_id in (1, 15) and customer_id = 16', 'one 1'],
    ['select * from orders where (customer_id, id) in ((1, 2), (15, 3))', 'read 01 beside'],
    [
      'select * from orders o join items i on i.customer_id = o.customer_id where o.customer_id in (1, 15)',
      'read 01 beside',
    ],
    ['select * from orders o, items i where o.customer_id in (1, 2) and i.customer_id = 15', 'read 01'],
    ['update orders set total = 1 where customer_id in (1, 15)', 'write 01'],
    ['delete from orders where customer_id = any($1)', 'write 02', p([1, 25])],
    ['delete from orders where customer_id = any($1)', 'SHARDS_NOT_PROVEN', { ...UNKNOWN, ...p([1, 25]) }],
  ])
})

describe('what matches nothing finds nothing on any shard', () => {
  goes([
    ['select * from orders where customer_id = $1', 'one 0', p(null)],
    ['select count(*) from orders where customer_id = any($1)', 'one 0', p([])],
    ['select count(*) from orders where customer_id = any($1)', 'one 0', p(null)],
    ["select count(*) from orders where customer_id = any('{}')", 'one 0'],
    ['select * from tiny where k = 70000', 'one 0'],
    ['select * from orders where customer_id = 99999999999', 'one 0'],
    ['select * from orders where customer_id = 99999999999999999999999', 'one 0'],
    ['select * from items where customer_id = 99999999999', 'one 2'],
    ['select * from items where customer_id = -9223372036854775808', 'one 0'],
    ['select * from orders where customer_id = 5 and customer_id = 15', 'one 0'],
    ['select * from tiny, orders where k = 70000 and customer_id = 15', 'one 1'],
    ['update orders set total = 1 where customer_id = $1', 'one 0', p(null)],
  ])
})

describe('joins', () => {
  goes([
    [
      'select * from orders o join items i on i.customer_id = o.customer_id where o.customer_id = 15',
      'one 1',
    ],
    ['select * from orders o join items i using (customer_id) where customer_id = 15', 'one 1'],
    [
      'select * from orders join items using (customer_id) join log.events using (customer_id) where customer_id = 15',
      'one 1',
    ],
    [
      'select * from customers c, orders o, items i where c.id = o.customer_id and i.customer_id = c.id and i.customer_id = $1',
      'one 1',
      p(15),
    ],
    ['select * from orders o natural join items i where o.customer_id = 15', 'read 012'],
    ['select * from orders o join items i on i.order_id = o.id where o.customer_id = 15', 'read 012'],
    [
      'select * from orders o join items i on i.order_id = o.id where o.customer_id = 15 and i.customer_id = 16',
      'one 1',
    ],
    [
      'select * from orders o join items i on i.order_id = o.id where o.customer_id = 15 and i.customer_id = 5',
      'read 01',
    ],
    ['select * from orders o join items i on i.customer_id = o.customer_id', 'read 012 beside'],
    ['select * from orders o join items i on i.customer_id = o.id', 'read 012'],
    ['select * from orders o join items i on i.customer_id > o.customer_id', 'read 012'],
    ['select * from orders a, orders b where a.customer_id = 5', 'read 012'],
    ['select * from orders a, orders b where a.customer_id = 5 and b.customer_id = 15', 'read 01'],
    ['select * from orders a join orders b using (customer_id) where b.customer_id = 5', 'one 0'],
    ['select * from orders items join items orders on true where items.customer_id = 5', 'read 012'],
    [
      'select * from orders items join items orders on items.customer_id = orders.customer_id where orders.customer_id = 5',
      'one 0',
    ],
    // Equal through a column whose type is not known: not equal as keys are.
    [
      'select * from orders o, settings s, items i where o.customer_id = s.x and s.x = i.customer_id and o.customer_id = 5',
      'read 012 and home',
    ],
    ['select * from orders o, colours c where o.customer_id = c.code and c.code = 5', 'read 012 beside'],
    ['select * from orders o join countries c on c.code = o.note where o.customer_id = 15', 'one 1'],
    ['select * from orders o join countries c on c.code = o.note', 'read 012 beside'],
    ['select * from orders o join settings s on true where o.customer_id = 15', 'read 1 and home'],
    ['select * from orders o join settings s on true', 'read 012 and home'],
    // A column of the block is meant, or one further out: both are seen.
    [
      'select * from (orders o join items i using (customer_id)) as j where customer_id = 5',
      'read 012 beside',
    ],
    [
      'select * from (orders o join items i using (customer_id)) as j (a, customer_id) where customer_id = 5',
      'read 012 beside',
    ],
    [
      'select * from customers o where o.id = 5 and exists (select from (orders o join items i using (customer_id)) as j where o.customer_id = 5)',
      'read 012',
    ],
    [
      'select * from customers v where exists (select from orders t join items u on v.id = t.customer_id and u.customer_id = 5, tiny v where t.customer_id = 5)',
      'read 012',
    ],
  ])
})

describe('outer joins', () => {
  goes([
    ['select * from customers c left join orders o on o.customer_id = c.id where c.id = 15', 'one 1'],
    ['select * from customers c left join orders o on o.customer_id = c.id and c.id = 15', 'read 012 beside'],
    ['select * from customers c left join orders o on o.customer_id = 15 where c.id = 15', 'one 1'],
    ['select * from customers c left join orders o on o.customer_id = 25 where c.id = 15', 'read 12'],
    ['select * from customers c left join orders o on true where c.id = 15', 'read 012'],
    [
      'select * from customers c left join orders o on o.id = c.id where c.id = 15 and o.customer_id is null',
      'read 012',
    ],
    // The WHERE forbids the NULLs: as good as an inner join.
    [
      'select * from customers c left join orders o on o.customer_id = c.id where o.customer_id = 15',
      'one 1',
    ],
    ['select * from customers c right join orders o on o.customer_id = c.id where c.id = 15', 'one 1'],
    ['select * from orders o right join customers c on o.customer_id = c.id where c.id = 15', 'one 1'],
    ['select * from customers c full join orders o on o.customer_id = c.id where c.id = 15', 'one 1'],
    [
      'select * from customers c full join orders o on o.customer_id = c.id where o.customer_id = 15',
      'one 1',
    ],
    ['select * from customers c full join orders o on o.customer_id = c.id and c.id = 15', 'read 012'],
    ['select * from customers c full join orders o on o.customer_id = c.id', 'read 012'],
    ['select * from customers c left join orders o on o.customer_id = c.id', 'read 012 beside'],
    ['select * from orders o right join customers c on o.customer_id = c.id', 'read 012 beside'],
    // Each shard would have the countries without orders.
    ['select * from countries k left join orders o on o.note = k.code', 'read 012'],
    ['select * from countries k left join orders o on o.note = k.code and o.customer_id = 15', 'one 1'],
    ['select * from orders o left join countries k on o.note = k.code', 'read 012 beside'],
    [
      'select * from customers c left join (orders o join items i using (customer_id)) on o.customer_id = c.id where c.id = 15',
      'one 1',
    ],
    [
      'select * from customers c left join (orders o left join items i using (customer_id)) on o.customer_id = c.id where c.id = 15',
      'one 1',
    ],
    [
      'select * from customers c left join (orders o left join items i on i.order_id = o.id) on o.customer_id = c.id where c.id = 15',
      'read 012',
    ],
    [
      'select * from (customers c left join orders o on o.customer_id = c.id) left join items i on i.customer_id = o.customer_id where c.id = 15',
      'one 1',
    ],
    ['select * from customers c left join orders o using (customer_id) where customer_id = 15', 'read 012'],
    // Of the side that is kept, the ON says nothing.
    ['select * from customers c left join orders o on c.id = 15 where o.customer_id = 15', 'one 1'],
    ['select * from customers c left join orders o on c.id = 15 and o.customer_id = 15', 'read 012'],
    [
      'select * from (customers c join tiny t on c.id = 15 and t.k = 15) full join orders o on o.customer_id = c.id',
      'read 012',
    ],
    [
      'select * from customers c left join orders o on o.customer_id = c.id where coalesce(c.id, 15) = 15',
      'read 012 beside',
    ],
  ])
})

describe('subqueries, each a block of its own', () => {
  goes([
    ['select * from (select * from orders where customer_id = 15) x', 'one 1'],
    ['select * from (select * from orders) x where x.customer_id = 15', 'read 012'],
    ['with x as (select * from orders where customer_id = 15) select * from x, x y', 'one 1'],
    ['with x as (select * from orders) select * from x where customer_id = 15', 'read 012'],
    ['with orders as (select * from orders where customer_id = 15) select * from orders', 'one 1'],
    [
      'with orders as (select * from items where customer_id = 15) select * from orders where customer_id = 5',
      'one 1',
    ],
    ['with x as (select 1) select * from x, orders where x.customer_id = 15', 'read 012 beside'],
    [
      'with x as materialized (select * from items where customer_id = 15) select * from orders where customer_id = 5 and id in (table x)',
      'read 01',
    ],
    [
      'select * from orders where customer_id = 15 and exists (select from items where customer_id = 15)',
      'one 1',
    ],
    [
      'select * from orders where customer_id = 15 and exists (select from items where customer_id = 16 limit 1)',
      'one 1',
    ],
    [
      'select * from orders where customer_id = 15 and exists (select from items where customer_id = 5)',
      'read 01',
    ],
    ['select * from orders where customer_id = 15 and id in (select order_id from items)', 'read 012'],
    ['select (select max(total) from orders) from orders where customer_id = 15', 'read 012'],
    ['select * from orders where customer_id = 15 order by (select count(*) from items)', 'read 012'],
    ['select * from orders where customer_id = 15 limit (select count(*) from items)', 'read 012'],
    [
      'select count(*) from orders where customer_id = 15 having count(*) > (select 1 from items)',
      'read 012',
    ],
    [
      'select * from orders where customer_id = 15 union select * from orders where customer_id = 16',
      'one 1',
    ],
    [
      'select * from orders where customer_id = 15 except select * from orders where customer_id = 26',
      'read 12',
    ],
    ['select * from orders where customer_id = 15 union all select * from orders', 'read 012'],
    ['select * from orders union all select code, name, added from countries', 'read 012'],
    ['values ((select count(*) from orders where customer_id = 15)), (2)', 'one 1'],
    [
      'select * from orders o, lateral (select * from items i where i.customer_id = 15) x where o.customer_id = 15',
      'one 1',
    ],
    [
      'select * from orders o, lateral (select * from items i where i.customer_id = o.customer_id) x where o.customer_id = 15',
      'read 012',
    ],
    ['select * from generate_series(1, (select count(*) from orders)) n', 'read 012'],
    ['select * from countries where code in (select note from orders where customer_id = 15)', 'one 1'],
  ])
})

describe('what a subquery asks of the row around it', () => {
  goes([
    [
      'select * from customers c where c.id = 15 and exists (select from orders o where o.customer_id = c.id)',
      'one 1',
    ],
    [
      'select * from customers c where c.id = 15 and not exists (select from orders o where o.customer_id = c.id)',
      'one 1',
    ],
    [
      'select *, (select sum(total) from orders o where c.id = o.customer_id) from customers c where id = 15',
      'one 1',
    ],
    [
      'select *, (select sum(total) from orders where customer_id = customers.id) from customers where id = 15',
      'one 1',
    ],
    [
      'select * from customers c where c.id = 15 and exists (select from orders o where o.customer_id = c.id and exists (select from items i where i.customer_id = o.customer_id))',
      'one 1',
    ],
    [
      'select * from customers c where c.id = 15 and exists (select from orders o where o.id = 1 and exists (select from items i where i.customer_id = c.id))',
      'read 012',
    ],
    // The inner says nothing of the outer.
    [
      'select * from customers c where not exists (select from orders o where o.customer_id = c.id and o.customer_id = 15)',
      'read 012 beside',
    ],
    [
      'select * from customers c where exists (select from orders o where o.customer_id = c.id)',
      'read 012 beside',
    ],
    ['select * from customers c where exists (select from orders o where o.customer_id > c.id)', 'read 012'],
    [
      'select * from customers c where exists (select from orders c where c.customer_id = c.id) and c.id = 15',
      'read 012',
    ],
    [
      'select * from customers c where id = 15 and exists (select from settings c, orders o where o.customer_id = c.id)',
      'read 012 and home',
    ],
    [
      'select * from customers c left join orders r on r.customer_id = c.id where c.id = 15 and exists (select from items i where i.customer_id = r.customer_id)',
      'one 1',
    ],
    [
      'select * from customers c, (select * from orders o where o.customer_id = c.id) x where c.id = 15',
      'read 012',
    ],
  ])
})

describe('reference tables', () => {
  goes([
    ['select * from countries', 'any'],
    ['select * from countries c join colours k using (code)', 'any'],
    ['select random(), now() from countries', 'any', { calls: 'volatile' }],
    ['select f(name) from countries', 'read 012', UNKNOWN],
    ['select * from countries for update', 'one 0'],
    ['select * from countries, settings', 'read 0 and home'],
    ['explain select * from countries', 'any'],
    ['select 1; select * from countries', 'any'],
    ["update countries set name = 'x' where code = 'y'", 'write 012 copies'],
    ['delete from countries where code = lower($1)', 'write 012 copies', p('x')],
    ["insert into countries (code, added) values ('x', $1), ('y', '2020-01-01')", 'write 012 copies', p('x')],
    [
      "insert into countries values ('x', 'y', 'z') on conflict (code) do update set name = excluded.name",
      'write 012 copies',
    ],
    ["insert into countries (code) values ('x')", 'SHARDS_NOT_PROVEN'],
    ["insert into countries values ('x', 'y')", 'SHARDS_NOT_PROVEN'],
    ["insert into countries values ('x', 'y', default)", 'SHARDS_NOT_PROVEN'],
    ['insert into countries default values', 'SHARDS_NOT_PROVEN'],
    ["insert into colours (code) values ('x')", 'write 012 copies'],
    ['update countries set name = random()::text', 'SHARDS_NOT_PROVEN', { calls: 'volatile' }],
    ['update countries set added = now()', 'SHARDS_NOT_PROVEN', { calls: 'stable' }],
    ['update countries set added = current_timestamp', 'SHARDS_NOT_PROVEN'],
    ["delete from countries where ctid = '(0,1)'", 'SHARDS_NOT_PROVEN'],
    ['delete from countries where code in (select code from colours)', 'SHARDS_NOT_PROVEN'],
    ['update countries set name = f(name)', 'SHARDS_NOT_PROVEN', UNKNOWN],
    ['update countries set name = x from unnest($1::text[]) x', 'SHARDS_NOT_PROVEN', p([])],
    ['insert into colours select * from unnest($1::text[]) limit 1', 'SHARDS_NOT_PROVEN', p([])],
    ['insert into colours select * from unnest($1::text[])', 'write 012 copies', p([])],
    ['insert into colours select * from orders where customer_id = 5', 'SHARDS_NOT_PROVEN'],
    ['with x as (delete from countries) delete from orders where customer_id = 5', 'SHARDS_NOT_PROVEN'],
    ['with x as (delete from orders where customer_id = 5) delete from countries', 'SHARDS_NOT_PROVEN'],
    ["delete from countries where code = 'x'; delete from countries where code = 'y'", 'SHARDS_NOT_PROVEN'],
    ['explain delete from countries', 'SHARDS_NOT_PROVEN'],
    ['truncate countries', 'NOT_SUPPORTED'],
  ])
})

describe('INSERT goes where its key says', () => {
  goes([
    ['insert into orders (id, customer_id) values (1, 15)', 'one 1'],
    ['insert into orders values (1, 15)', 'one 1'],
    ['insert into orders values ($1, $2, $3) returning *', 'one 2', p(1, 25, 3)],
    ['insert into public.orders as o (customer_id) values ($1::int)', 'one 2', p(25)],
    ["insert into orders (customer_id, note) values (5, my_function('x'))", 'one 0', UNKNOWN],
    ['insert into orders (customer_id, note) values (5, (select name from countries limit 1))', 'one 0'],
    [
      'insert into orders (customer_id, total) values (5, (select max(total) from orders where customer_id = 5))',
      'one 0',
    ],
    [
      'insert into orders (customer_id, total) values (5, (select max(total) from orders where customer_id = 15))',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (customer_id, total) values (5, (select max(total) from orders))',
      'SHARDS_NOT_PROVEN',
    ],
    ['insert into orders (customer_id, total) values (5, (select x from settings))', 'SHARDS_NOT_PROVEN'],
    ['insert into orders (customer_id) values (5), (9)', 'one 0'],
    ['insert into orders (customer_id) values (5), (25), (9), (15)', 'split 0:0,2 2:1 1:3'],
    [
      'insert into orders (customer_id) values (5), ($1) on conflict do nothing returning id',
      'split 0:0 1:1',
      p(15),
    ],
    ['insert into orders (customer_id, note) values (5, f()), (15, f())', 'split 0:0 1:1', UNKNOWN],
    ['with x as (select 1) insert into orders (customer_id) values (5), (15)', 'SHARDS_NOT_PROVEN'],
    [
      'insert into orders (customer_id, note) values (5, (select name from countries)), (15, null)',
      'SHARDS_NOT_PROVEN',
    ],
    ['insert into orders (customer_id) values (5), (15) limit 1', 'SHARDS_NOT_PROVEN'],
    ['insert into orders (customer_id) values (5); insert into items values (9, 1)', 'one 0'],
    ['insert into orders (customer_id) values (5); insert into items values (19, 1)', 'SHARDS_NOT_PROVEN'],
    ['explain insert into orders (customer_id) values (5), (15)', 'SHARDS_NOT_PROVEN'],
    ['insert into orders (id) values (1)', 'SHARD_KEY_MISSING'],
    ['insert into orders values (1)', 'SHARD_KEY_MISSING'],
    ['insert into orders default values', 'SHARD_KEY_MISSING'],
    ['insert into orders (customer_id) values (default)', 'SHARD_KEY_MISSING'],
    ['insert into orders (customer_id) values (null)', 'SHARD_KEY_MISSING'],
    ['insert into orders (customer_id) values (1 + 1)', 'SHARD_KEY_MISSING'],
    ["insert into orders (customer_id) values ('5'::text)", 'SHARD_KEY_MISSING'],
    ['insert into orders values ((select c from settings c).*, 5)', 'SHARDS_NOT_PROVEN'],
    ['insert into orders values (($1::point).*, 5)', 'SHARD_KEY_MISSING', p('')],
    ['insert into orders (customer_id) values ($1)', 'SHARD_KEY_INVALID', p(null)],
    ['insert into orders (customer_id) values ($1)', 'SHARD_KEY_INVALID', p(5.5)],
    ['insert into orders (customer_id) values (5.5)', 'SHARD_KEY_INVALID'],
    ["insert into orders (customer_id) values ('five')", 'SHARD_KEY_INVALID'],
    // PostgreSQL says itself that it is out of range.
    ['insert into orders (customer_id) values (99999999999)', 'one 0'],
    [
      'insert into orders (customer_id) values (5) on conflict (id) do update set total = excluded.total',
      'one 0',
    ],
    [
      'insert into orders (customer_id) values (5) on conflict (id) do update set customer_id = excluded.customer_id',
      'one 0',
    ],
    [
      'insert into orders (customer_id) values (5) on conflict (id) do update set customer_id = 15',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (customer_id) values (5) on conflict (id) do update set total = (select max(total) from orders)',
      'SHARDS_NOT_PROVEN',
    ],
    ['with orders as (select 1) insert into orders (customer_id) values (15)', 'one 1'],
    ['insert into settings select * from orders where customer_id = 5', 'SHARDS_NOT_PROVEN'],
    ['insert into settings select * from countries', 'SHARDS_NOT_PROVEN'],
  ])
})

describe('INSERT … SELECT', () => {
  goes([
    [
      'insert into orders (customer_id, total) select customer_id, sum(price) from items where customer_id = 15 group by customer_id',
      'one 1',
    ],
    [
      'insert into orders (customer_id, total) select i.customer_id, price from items i join countries c on c.code = i.order_id where i.customer_id = 15',
      'one 1',
    ],
    ['insert into orders (customer_id, total) select 15, price from items where customer_id = 16', 'one 1'],
    [
      'insert into orders (customer_id, total) select $1, price from items where customer_id = $1',
      'one 2',
      p(25),
    ],
    [
      'insert into orders (customer_id, total) select 5, price from items where customer_id = 16',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (customer_id, total) select null, price from items where customer_id = 16',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (total, customer_id) select customer_id, price from items where customer_id = 16',
      'SHARDS_NOT_PROVEN',
    ],
    ['insert into orders (customer_id, total) select customer_id, price from items', 'SHARDS_NOT_PROVEN'],
    ['insert into orders (customer_id) select customer_id from items where customer_id in (15, 16)', 'one 1'],
    [
      'insert into orders (customer_id) select customer_id from items where customer_id in (15, 26)',
      'SHARDS_NOT_PROVEN',
    ],
    ['insert into items select * from items where customer_id = 15', 'SHARDS_NOT_PROVEN'],
    [
      'insert into items select order_id, 1, i.*, customer_id from items i where customer_id = 15',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (customer_id) select customer_id from items where customer_id = 15 group by grouping sets ((customer_id), ())',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (customer_id) select customer_id from items where customer_id = 15 union select 5',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'insert into orders (customer_id) select id from customers c left join items i on i.customer_id = 15 where c.id = 15',
      'one 1',
    ],
    [
      'insert into orders (customer_id) select i.customer_id from customers c left join items i on i.customer_id = 15 where c.id = 15',
      'SHARDS_NOT_PROVEN',
    ],
    ['insert into orders (customer_id) select 15 from settings', 'SHARDS_NOT_PROVEN'],
    ['insert into orders (customer_id) select 15 from countries', 'one 1'],
    [
      'with x as (delete from items where customer_id = 15 returning *) insert into orders (customer_id, total) select 15, price from x',
      'one 1',
    ],
    [
      'with x as (delete from items where customer_id = 15 returning *) insert into orders (customer_id, total) select customer_id, price from x',
      'SHARDS_NOT_PROVEN',
    ],
  ])
})

describe('UPDATE and DELETE', () => {
  goes([
    ['update orders set customer_id = 6 where customer_id = 5', 'SHARDS_NOT_PROVEN'],
    ['update orders set (id, customer_id) = (1, 6) where customer_id = 5', 'SHARDS_NOT_PROVEN'],
    ['update orders set "customer_id" = customer_id where customer_id = 5', 'SHARDS_NOT_PROVEN'],
    ['update orders set id = customer_id where customer_id = 5', 'one 0'],
    ['update orders set total = 0', 'write 012'],
    ['update orders set total = random()', 'write 012', { calls: 'volatile' }],
    ['update orders set total = (select random())', 'SHARDS_NOT_PROVEN', { calls: 'volatile' }],
    ['update orders set total = f()', 'SHARDS_NOT_PROVEN', UNKNOWN],
    ["delete from orders where ctid = '(0,1)'", 'SHARDS_NOT_PROVEN'],
    ['delete from orders returning *', 'write 012'],
    ['delete from orders where current of c', 'NOT_SUPPORTED'],
    ['update orders o set total = i.price from items i where i.customer_id = o.customer_id', 'write 012'],
    [
      'update orders o set total = i.price from items i where i.customer_id = o.customer_id and i.customer_id = 15',
      'one 1',
    ],
    ['update orders o set total = i.price from items i where i.order_id = o.id', 'SHARDS_NOT_PROVEN'],
    ['update orders o set note = c.name from countries c where c.code = o.note', 'write 012'],
    ['update orders o set note = s.x from settings s where o.customer_id = 15', 'SHARDS_NOT_PROVEN'],
    ['update settings set x = 1 from orders where customer_id = 15', 'SHARDS_NOT_PROVEN'],
    [
      'delete from orders o using items i where i.customer_id = o.customer_id and o.customer_id = $1',
      'one 1',
      p(15),
    ],
    ['delete from orders o using items i where i.customer_id = o.customer_id', 'write 012'],
    [
      'delete from orders o where not exists (select from customers c where c.id = o.customer_id)',
      'write 012',
    ],
    ['delete from orders o where exists (select from customers c where c.id = o.id)', 'SHARDS_NOT_PROVEN'],
    ['delete from orders where total < (select avg(total) from orders)', 'SHARDS_NOT_PROVEN'],
    ['delete from orders where note in (select code from countries)', 'write 012'],
    ['delete from orders where note in (select code from countries limit 1)', 'SHARDS_NOT_PROVEN'],
    [
      'update orders o set total = (select sum(price) from items i where i.customer_id = o.customer_id)',
      'write 012',
    ],
    [
      'update orders o set total = (select sum(price) from items i where i.customer_id = o.customer_id) where customer_id = 15',
      'one 1',
    ],
    ['with x as (delete from orders where customer_id = 5 returning *) select * from x', 'one 0'],
    ['with x as (delete from orders returning *) select * from x', 'SHARDS_NOT_PROVEN'],
    [
      'with x as (delete from orders where customer_id = 5) delete from items where customer_id = 15',
      'SHARDS_NOT_PROVEN',
    ],
    ['select * from orders for update', 'SHARDS_NOT_PROVEN'],
    ['explain delete from orders', 'SHARDS_NOT_PROVEN'],
    ['explain select * from orders', 'read 012'],
  ])
})

describe('MERGE', () => {
  goes([
    [
      'merge into orders t using items s on t.customer_id = s.customer_id and s.customer_id = 15 when matched then delete',
      'one 1',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id and s.customer_id = 15 when not matched then insert (customer_id) values (15)',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id and s.customer_id = 15 when not matched by source then delete',
      'write 012',
    ],
    [
      "merge into orders t using (values ('x')) s (note) on t.customer_id = 15 and t.note = s.note when matched then update set total = 1 when not matched then insert (customer_id, note) values (15, 'x')",
      'one 1',
    ],
    [
      "merge into orders t using (values ('x')) s (note) on t.customer_id = 15 when not matched then insert (customer_id) values (5)",
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using (values (15)) s (id) on t.customer_id = s.id when not matched then insert (customer_id) values (s.id)',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using (values (15)) s (id) on t.customer_id = 15 when not matched then insert (id) values (1)',
      'SHARD_KEY_MISSING',
    ],
    [
      'merge into orders t using countries s on t.customer_id = 15 when matched then update set customer_id = 16',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id when matched then delete',
      'write 012',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id when matched then update set total = s.customer_id when not matched then insert (id, customer_id) values (1, s.customer_id)',
      'write 012',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id and s.customer_id = 15 when not matched then insert (customer_id) values (s.customer_id)',
      'write 012',
    ],
    [
      'merge into orders t using items on t.customer_id = items.customer_id when not matched then insert (customer_id) values (customer_id)',
      'write 012',
    ],
    // Who inserts a value of its own would do so on each shard.
    [
      'merge into orders t using items s on t.customer_id = s.customer_id when not matched then insert (customer_id) values (15)',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id when not matched then insert (customer_id) values (s.id)',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id when not matched then insert (customer_id) values (s.customer_id + 1)',
      'SHARD_KEY_MISSING',
    ],
    [
      'merge into orders t using items s on t.id = s.id when not matched then insert (customer_id) values (s.customer_id)',
      'SHARDS_NOT_PROVEN',
    ],
    // Each shard has all countries, and would insert for all that it has no order of.
    [
      'merge into orders t using countries s on t.customer_id = s.id when not matched then insert (customer_id) values (s.id)',
      'SHARDS_NOT_PROVEN',
    ],
    ['merge into orders t using countries s on t.id = s.id when matched then delete', 'write 012'],
    [
      'merge into orders t using (select customer_id from items) s on t.customer_id = s.customer_id when matched then delete',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into orders t using items s on t.customer_id = s.customer_id when matched then delete when not matched by source then update set total = 0 when not matched then insert (customer_id) values (s.customer_id)',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'update orders set total = 1 from generate_series(1, (random() * 3)::int) as g (n) where orders.id = g.n',
      'SHARDS_NOT_PROVEN',
      { calls: 'volatile' },
    ],
    [
      'merge into orders t using settings s on t.customer_id = 15 when matched then delete',
      'SHARDS_NOT_PROVEN',
    ],
    [
      'merge into countries t using colours s on t.code = s.code when matched then delete',
      'SHARDS_NOT_PROVEN',
    ],
    [
      "merge into countries t using (values ('x')) s (c) on t.code = s.c when matched then delete",
      'SHARDS_NOT_PROVEN',
    ],
  ])
})

describe('several statements in one text', () => {
  goes([
    ['select 1; select 2', 'home'],
    ['select 1; select * from orders where customer_id = 15', 'one 1'],
    [
      'select * from items where customer_id = 15; update orders set total = 1 where customer_id = 16;',
      'one 1',
    ],
    [
      'select * from items where customer_id = 15; select * from orders where customer_id = 5',
      'SHARDS_NOT_PROVEN',
    ],
    ['select * from items where customer_id = 15; select * from settings', 'SHARDS_NOT_PROVEN'],
    ['select * from orders; select 1', 'SHARDS_NOT_PROVEN'],
    ['update orders set total = 1; select 1', 'SHARDS_NOT_PROVEN'],
    ['begin; select * from orders where customer_id = 15', 'NOT_SUPPORTED'],
    ['set search_path to x; select * from orders where customer_id = 15', 'NOT_SUPPORTED'],
    ['select * from orders where customer_id = 15; truncate orders', 'NOT_SUPPORTED'],
  ])
})

describe('what is not planned here is refused where it names something that is spread', () => {
  goes([
    ['selec 1', 'SHARDS_NOT_PROVEN'],
    ["select U&'d!0061' uescape '!'", 'SHARDS_NOT_PROVEN'],
    ['select * from twice where id = 5', 'SHARDS_NOT_PROVEN'],
    ['select * from one.twice where id = 5', 'one 0'],
    ['select * from third.twice where id = 5', 'home'],
    ...[
      'copy orders to stdout',
      'copy (select * from orders where customer_id = 5) to stdout',
      'copy orders from stdin',
      'create table x as select * from orders',
      'select * into x from orders where customer_id = 5',
      'create table x (like orders)',
      'create table x (o int references public.orders)',
      'create view v as select * from settings where x in (select id from orders)',
      'create index on orders (id)',
      'alter table orders add x int',
      'alter table if exists only public.orders add x int',
      'drop table settings, orders',
      'drop table public.orders cascade',
      'drop trigger t on orders',
      'drop policy t on public.orders',
      'comment on table orders is null',
      "comment on column public.orders.id is 'x'",
      'grant select on settings, orders to u',
      'truncate settings, orders',
      'lock orders',
      'vacuum orders',
      'analyze settings, orders (id)',
      'reindex table orders',
      'cluster orders',
      'declare c cursor for select * from orders where customer_id = 5',
      'prepare p as select * from orders where customer_id = $1',
      'create trigger t after insert on orders execute function f()',
    ].map((text): Case => [text, 'NOT_SUPPORTED']),
  ])
})

describe('keys of other kinds', () => {
  const tables = new ShardedTables([
    sharded('pages', ['slug', 'body'], { slug: 'text' }),
    sharded('links', ['slug', 'to'], { slug: 'varchar' }),
    sharded('visits', ['id', 'slug'], { id: 'uuid' }),
    sharded('cells', ['x', 'y', 'v'], { x: 'int4', y: 'text' }),
  ])
  const map = moduloMap(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  const shardOf = (text: string, parameters: unknown[] = []): string =>
    show(planOf(text, { tables, map, parameters }))

  test('text is the same however it is quoted', () => {
    const home = shardOf("select * from pages where slug = 'it''s'")
    expect(home).toMatch(/^one \d$/)
    expect(shardOf("select * from pages where slug = $a$it's$a$")).toBe(home)
    expect(shardOf("select * from pages where slug = e'it''s'::varchar")).toBe(home)
    expect(shardOf('select * from pages where slug = $1', ["it's"])).toBe(home)
    expect(shardOf("select * from pages p join links l using (slug) where slug = 'it''s'")).toBe(home)
    expect(shardOf("insert into links (slug) values ('it''s')")).toBe(home)
  })

  test('text is not taken for a number, nor cut', () => {
    expect(shardOf('select * from pages where slug = 5')).toBe('read 0123456 beside')
    expect(shardOf('select * from pages where slug = 05::text')).toBe('read 0123456 beside')
    expect(shardOf("select * from pages where slug = 'abc'::varchar(2)")).toBe('read 0123456 beside')
    expect(shardOf("select * from pages where slug = 'abc'::char(9)")).toBe('read 0123456 beside')
    expect(shardOf("select * from pages where slug = 'abc'::name")).toBe('read 0123456 beside')
    expect(shardOf("select * from pages where slug = 'abc' collate x")).toBe('read 0123456 beside')
  })

  test('a uuid is the same in any spelling', () => {
    const home = shardOf("select * from visits where id = '{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}'")
    expect(home).toMatch(/^one \d$/)
    expect(shardOf("delete from visits where id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid")).toBe(home)
    expect(shardOf("select * from visits where id = 'a0eebc99'")).toBe('read 0123456 beside')
    expect(shardOf('select * from visits v join pages p on v.id = p.slug where v.id = $1', ['x'])).toBe(
      'read 0123456',
    )
  })

  test('of a key of several columns all must be said', () => {
    const home = shardOf("select * from cells where x = 1 and y = 'a'")
    expect(home).toMatch(/^one \d$/)
    expect(shardOf("insert into cells values (1, 'a', 5)")).toBe(home)
    expect(shardOf('insert into cells (y, x) values ($2, $1)', [1, 'a'])).toBe(home)
    expect(shardOf("update cells set v = 1 where (y, x) = ('a', 1)")).toBe(home)
    expect(shardOf("select * from cells c join cells d using (x, y) where d.x = 1 and c.y = 'a'")).toBe(home)
    expect(shardOf("select * from cells where x = 1 and y in ('a', 'a')")).toBe(home)
    expect(shardOf('select * from cells where x = 1')).toBe('read 0123456 beside')
    expect(shardOf('select * from cells c join cells d using (x, y)')).toBe('read 0123456 beside')
    expect(shardOf('select * from cells c join cells d using (x)')).toBe('read 0123456')
    expect(shardOf('select * from cells where x = 1 and y = $1', [null])).toBe('one 0')
    expect(shardOf('insert into cells values (1, $1)', [null])).toBe('SHARD_KEY_INVALID')
    expect(shardOf('insert into cells values (1)')).toBe('SHARD_KEY_MISSING')
    expect(shardOf("insert into cells values (1, 'a') on conflict (x, y) do update set x = excluded.x")).toBe(
      'SHARDS_NOT_PROVEN',
    )
    expect(
      shardOf(
        "insert into cells values (1, 'a') on conflict (x, y) do update set x = excluded.x, y = excluded.y",
      ),
    ).toBe(home)
  })
})

test('with one shard there is nothing to be refused', () => {
  const map = moduloMap(['only'])
  expect(show(planOf('select count(*) from orders o join items i on i.order_id = o.id', { map }))).toBe(
    'one 0',
  )
  expect(show(planOf('delete from orders where total < (select avg(total) from orders)', { map }))).toBe(
    'one 0',
  )
})

test('a refusal says in one sentence what is wrong, and what to do', () => {
  const texts = [
    'insert into orders (id) values (1)',
    'update orders set customer_id = 1',
    'truncate orders',
    'delete from orders where total < (select avg(total) from orders)',
    'update countries set added = current_timestamp',
    'insert into settings select * from orders',
    'select * from orders; select 1',
    'explain delete from orders',
  ]
  for (const text of texts) {
    const plan = planOf(text)
    expect(plan).toMatchObject({ kind: 'refused', hint: expect.stringMatching(/^[A-Z].*\.$/) })
    if (plan.kind !== 'refused') continue
    expect(plan.message).toMatch(/^[A-Z][^\n]*\.$/)
    expect(ERROR_CATALOGUE).toHaveProperty(plan.code)
  }
  expect(planOf('insert into orders (customer_id) values ($1)', p(null))).toMatchObject({
    message: 'null value in column "customer_id" of relation "orders" violates not-null constraint',
  })
})

test('a plan for one shard is the same object each time: planning makes no garbage', () => {
  expect(planOf('select * from orders where customer_id = 5')).toBe(
    planOf('delete from items where customer_id = 6'),
  )
})
