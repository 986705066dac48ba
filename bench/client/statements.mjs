/** One table for every case; half-filled pages, so that updates stay on them whoever's turn it is. */
export const ROWS = 100_000
export const SCHEMA = `
  create table t (id int primary key, owner text not null, balance int not null default 0, note text)
    with (fillfactor = 50);
  insert into t (id, owner, note)
    select id, 'owner ' || id, repeat('x', 60) from generate_series(1, ${ROWS}) as id;
  create table guarded (id int primary key, note text);
  insert into guarded select id, 'row ' || id from generate_series(1, 1000) as id;
`

/** The statements of all contestants: what differs between them is the path, never the text. */
export const READ = 'select * from t where id = $1'
export const ADD = 'update t set balance = balance + 1 where id = $1 returning balance'
export const SLEEP = 'select pg_sleep(2)'
export const GUARD = 'lock table guarded in access exclusive mode'

/** Another shape with every tag, so that nothing can be known of it from before. */
export function readGuarded(tag) {
  return `select * from guarded as ${tag} where id = $1`
}

export function randomId() {
  return 1 + Math.floor(Math.random() * ROWS)
}
