import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;

/** What an application does with JDBC; prints what it saw. */
public class JdbcUse {
  public static void main(String[] args) throws Exception {
    Properties login = new Properties();
    login.setProperty("user", System.getenv("PGUSER"));
    login.setProperty("password", System.getenv("PGPASSWORD"));
    login.setProperty("prepareThreshold", "1");
    login.setProperty("preparedStatementCacheQueries", "2");
    try (Connection connection = DriverManager.getConnection(args[0], login)) {
      try (Statement statement = connection.createStatement()) {
        statement.execute("create table by_jdbc (id int primary key, name text)");
      }
      connection.setAutoCommit(false);
      try (PreparedStatement insert = connection.prepareStatement("insert into by_jdbc values (?, ?)")) {
        for (int id = 0; id < 20; id++) {
          insert.setInt(1, id);
          insert.setString(2, "größe " + id);
          insert.addBatch();
        }
        System.out.println("batch " + insert.executeBatch().length);
        connection.commit();
        insert.setInt(1, 3);
        insert.setString(2, "again");
        try {
          insert.executeUpdate();
        } catch (SQLException error) {
          System.out.println("error " + error.getSQLState());
        }
        connection.rollback();
        insert.setInt(1, 100);
        insert.executeUpdate();
        connection.commit();
      }
      try (Statement statement = connection.createStatement()) {
        statement.setFetchSize(4);
        int sum = 0;
        try (ResultSet rows = statement.executeQuery("select id from by_jdbc where id < 20")) {
          while (rows.next()) sum += rows.getInt(1);
        }
        System.out.println("cursor " + sum);
        connection.commit();
      }
      connection.setReadOnly(true);
      for (int round = 0; round < 3; round++) {
        for (int at = 0; at < 4; at++) {
          try (PreparedStatement read = connection.prepareStatement("select name || ? from by_jdbc where id = " + at)) {
            read.setString(1, "!");
            try (ResultSet rows = read.executeQuery()) {
              rows.next();
              if (round == 2) System.out.println("read " + rows.getString(1));
            }
          }
        }
        connection.commit();
      }
      connection.setReadOnly(false);
      connection.setAutoCommit(true);
      long copied = connection.unwrap(PGConnection.class).getCopyAPI()
          .copyIn("copy by_jdbc from stdin", new StringReader("200\tcopied\n201\tcopied\n"));
      System.out.println("copied " + copied);
      try (Statement statement = connection.createStatement()) {
        statement.setQueryTimeout(1);
        statement.execute("select pg_sleep(30)");
      } catch (SQLException error) {
        System.out.println("error " + error.getSQLState());
      }
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      try (Statement statement = connection.createStatement();
          ResultSet rows = statement.executeQuery("show transaction_isolation")) {
        rows.next();
        System.out.println("isolation " + rows.getString(1));
      }
      try (ResultSet columns = connection.getMetaData().getColumns(null, "public", "by_jdbc", null)) {
        while (columns.next()) System.out.println("column " + columns.getString("COLUMN_NAME"));
      }
    }
  }
}
