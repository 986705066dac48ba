"""What an application does with psycopg 3; prints what it saw."""
import psycopg

connection = psycopg.connect("", prepare_threshold=0, autocommit=True)
# More statements than it keeps: those before are let go of by DEALLOCATE.
connection.prepared_max = 2
connection.execute("create table by_psycopg (id int primary key, name text)")
print("prepared", [connection.execute(f"select {n} + %s", (n,)).fetchone()[0] for n in [1, 2, 3, 4, 1, 2, 3, 4]])
with connection.transaction():
    connection.cursor().executemany("insert into by_psycopg values (%s, %s)", [(n, f"name {n}") for n in range(50)])
with connection.pipeline():
    cursors = [connection.execute("select name from by_psycopg where id = %s", (n,)) for n in range(30)]
print("pipeline", [cursor.fetchone()[0] for cursor in cursors][-1])
try:
    with connection.pipeline(), connection.transaction():
        connection.execute("insert into by_psycopg values (100, 'a')")
        connection.execute("insert into by_psycopg values (100, 'b')")
except psycopg.errors.UniqueViolation as error:
    print("error", error.sqlstate)
print("after", connection.execute("select count(*) from by_psycopg where id = 100").fetchone()[0])
with connection.cursor(binary=True) as cursor:
    cursor.execute("select %s::numeric, now() - now(), array[1, 2], '{\"a\": 1}'::jsonb", ("1.50",))
    print("binary", [str(value) for value in cursor.fetchone()])
with connection.cursor() as cursor:
    with cursor.copy("copy by_psycopg from stdin") as copy:
        copy.write_row((200, "copied"))
    with cursor.copy("copy (select * from by_psycopg where id >= 200) to stdout") as copy:
        print("copy", [bytes(data) for data in copy])
with connection.transaction():
    with connection.cursor(name="server_side") as cursor:
        cursor.execute("select id from by_psycopg order by id")
        print("named", [row[0] for row in cursor.fetchmany(3)])
for number in range(3):
    try:
        connection.execute("insert into by_psycopg values (%s, 'again')", (number,))
    except psycopg.errors.UniqueViolation as error:
        print("error", error.sqlstate)
connection.execute("set timezone to 'Asia/Tokyo'")
print("timezone", connection.info.timezone.key, connection.info.encoding)
