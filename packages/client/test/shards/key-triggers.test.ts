import { afterAll, beforeAll, expect, test } from 'vitest'
import { ShardedPool } from './sharded-pool.js'

/* Triggers of an application that change the shard key of rows. */

let fixture: ShardedPool

beforeAll(async () => {
  fixture = await ShardedPool.open({ shards: 2, placement: '  tables: { users: { key: id } }' })
  const { pool } = fixture
  await pool.query('create table users (id int primary key, n int)')
  await pool.query(`
    create function next_key() returns trigger language plpgsql as
      'begin if new.n = 1 then new.id := new.id + 1; end if; return new; end'`)
  await pool.query(
    'create trigger next_key before insert or update on users for each row execute function next_key()',
  )
}, 180_000)

afterAll(() => fixture.close())

test('I8: a trigger that changes a key never leaves a row where nobody looks for it', async () => {
  const { pool } = fixture
  let refused = 0
  for (let id = 0; id < 100; id += 2) {
    await pool.query('insert into users values ($1, 0)', [id])
    const change =
      id % 4 === 0
        ? pool.query('update users set n = 1 where id = $1', [id])
        : pool
            .query('delete from users where id = $1', [id])
            .then(() => pool.query('insert into users values ($1, 1)', [id]))
    await change.catch((error) => {
      expect(error).toMatchObject({ code: '23514', table: 'users' })
      expect(error.message).toBe(
        'a trigger of "users" has changed the shard key of a row, which belongs to another shard now',
      )
      refused++
    })
  }
  expect(refused).toBeGreaterThan(10)
  expect(refused).toBeLessThan(40)
  const ids = (await fixture.onEach('select id from users')).flat().map(({ id }) => id)
  for (const id of ids) {
    const { rows } = await pool.query('select id from users where id = $1', [id])
    expect(rows).toEqual([{ id }])
  }
  await expect(
    pool.query('insert into users values (1000, 1), (1001, 1), (1002, 1), (1003, 1), (1004, 1), (1005, 1)'),
  ).rejects.toMatchObject({ code: '23514' })
  expect((await pool.query('select count(*)::int as n from users where id >= 1000')).rows).toEqual([{ n: 0 }])
})
