"""What an application does with psycopg2; prints what it saw."""
import io
import select

import psycopg2
import psycopg2.extras

connection = psycopg2.connect("")
cursor = connection.cursor()
cursor.execute("create table by_psycopg2 (id serial primary key, name text)")
psycopg2.extras.execute_values(cursor, "insert into by_psycopg2 (name) values %s", [("one",), ("größe",), (None,)])
connection.commit()
try:
    cursor.execute("insert into by_psycopg2 values (1, 'again')")
except psycopg2.errors.UniqueViolation as error:
    print("error", error.pgcode)
connection.rollback()
with connection.cursor("named") as named:
    named.itersize = 2
    named.execute("select generate_series(1, 5)")
    print("named", [row[0] for row in named])
connection.commit()
out = io.StringIO()
cursor.copy_expert("copy by_psycopg2 to stdout (format csv)", out)
cursor.copy_expert("copy by_psycopg2 (name) from stdin", io.StringIO("two\nthree\n"))
connection.commit()
print("copy", out.getvalue().splitlines())
connection.set_client_encoding("LATIN1")
cursor.execute("select name, 'ä' || %s from by_psycopg2 where id = 2", ("é",))
print("latin1", cursor.fetchall())
connection.set_client_encoding("UTF8")
connection.commit()
connection.autocommit = True
cursor.execute("listen news")
other = psycopg2.connect("")
other.autocommit = True
other.cursor().execute("notify news, 'hello'")
while not connection.notifies:
    select.select([connection], [], [], 30)
    connection.poll()
print("notified", connection.notifies[0].payload)
cursor.execute("unlisten *")
connection.set_session(isolation_level="SERIALIZABLE", readonly=True, autocommit=False)
try:
    cursor.execute("delete from by_psycopg2")
except psycopg2.errors.ReadOnlySqlTransaction as error:
    print("error", error.pgcode)
connection.rollback()
cursor.execute("show transaction_isolation")
print("isolation", cursor.fetchone()[0])
connection.rollback()
connection.set_session(isolation_level="DEFAULT", readonly=False)
cursor.execute("select count(*), array_agg(id order by id) from by_psycopg2")
print("rows", cursor.fetchone())
connection.commit()
