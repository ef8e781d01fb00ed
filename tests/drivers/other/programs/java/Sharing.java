import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

import org.mariadb.jdbc.MariaDbPoolDataSource;

/**
 * An application on Connector/J's pool under load: a line of JSON as its task, a line of JSON as its report. See
 * tests/drivers/python/crowd.py. Server-side prepared statements are on, the rest is the driver's default.
 */
public final class Sharing {
    private static final int TURNS = 2;
    private static final int LINES = 8;
    private static final int DUPLICATE = 1062;
    private static final int WAIT_SECONDS = 30;
    private static final String TABLE =
            "CREATE TABLE sj_line (id INT AUTO_INCREMENT PRIMARY KEY, owner INT, note VARCHAR(50) UNIQUE)";
    private static final String INSERT = "INSERT INTO sj_line (owner, note) VALUES (?, ?)";

    private final MariaDbPoolDataSource pool;
    private final CyclicBarrier everyone;

    private Sharing(MariaDbPoolDataSource pool, int clients) {
        this.pool = pool;
        this.everyone = new CyclicBarrier(clients);
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Map<String, Object> task = Json.read(input.readLine());
        int clients = ((Number) task.get("clients")).intValue();
        MariaDbPoolDataSource pool = new MariaDbPoolDataSource("jdbc:mariadb://" + task.get("host") + ":"
                + task.get("port") + "/" + task.get("schema") + "?useServerPrepStmts=true&maxPoolSize=" + clients
                + "&allowPublicKeyRetrieval=true");
        pool.setUser((String) task.get("user"));
        pool.setPassword((String) task.get("password"));
        run(pool, "DROP TABLE IF EXISTS sj_line", TABLE);
        List<Object> failures = new Sharing(pool, clients).meet(clients);
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("clients", clients);
        report.put("failures", failures);
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(Json.written(report));
        while (input.readLine() != null) {
            continue;
        }
        run(pool, "DROP TABLE sj_line");
        pool.close();
        System.exit(0);
    }

    private static void run(MariaDbPoolDataSource pool, String... statements) throws SQLException {
        try (Connection connection = pool.getConnection(); Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private List<Object> meet(int clients) throws InterruptedException {
        List<Object> failures = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch done = new CountDownLatch(clients);
        for (int client = 0; client < clients; client++) {
            int number = client;
            new Thread(() -> {
                try {
                    visit(number);
                } catch (Exception | AssertionError error) {
                    failures.add("client " + number + ": " + error);
                } finally {
                    done.countDown();
                }
            }).start();
        }
        done.await();
        return failures;
    }

    private void visit(int number) throws Exception {
        for (int turn = 0; turn < TURNS; turn++) {
            try (Connection connection = pool.getConnection()) {
                // So that the pool has a connection for each.
                everyone.await(WAIT_SECONDS, TimeUnit.SECONDS);
                insert(connection, number, turn);
                duplicate(connection, number, turn);
                transactions(connection, number, turn);
                check(read(connection, number).equals(expected(number, turn)), "the rows of another client");
            }
        }
    }

    private static void insert(Connection connection, int number, int turn) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(INSERT, Statement.RETURN_GENERATED_KEYS);
                PreparedStatement find = connection.prepareStatement("SELECT note FROM sj_line WHERE id = ?")) {
            for (int line = 0; line < LINES; line++) {
                insert.setInt(1, number);
                insert.setString(2, number + " " + turn + " " + line + " 😀");
                insert.executeUpdate();
                try (ResultSet keys = insert.getGeneratedKeys()) {
                    check(keys.next(), "no key");
                    find.setInt(1, keys.getInt(1));
                }
                try (ResultSet found = find.executeQuery()) {
                    check(found.next() && found.getString(1).equals(number + " " + turn + " " + line + " 😀"), "row");
                }
            }
        }
    }

    private static void duplicate(Connection connection, int number, int turn) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(INSERT)) {
            insert.setInt(1, number);
            insert.setString(2, number + " " + turn + " 0 😀");
            insert.executeUpdate();
            check(false, "no duplicate");
        } catch (SQLException error) {
            check(error.getErrorCode() == DUPLICATE, error.toString());
        }
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT 1 / 0").close();
            check(statement.getWarnings() != null || connection.getMetaData() != null, "warnings");
        }
    }

    private static void transactions(Connection connection, int number, int turn) throws SQLException {
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        connection.setAutoCommit(false);
        for (boolean keep : new boolean[] {false, true}) {
            try (PreparedStatement insert = connection.prepareStatement(INSERT)) {
                for (int line = 0; line < LINES; line++) {
                    insert.setInt(1, number);
                    insert.setString(2, number + " " + turn + " batch " + line);
                    insert.addBatch();
                }
                insert.executeBatch();
            }
            if (keep) {
                connection.commit();
            } else {
                connection.rollback();
            }
        }
        connection.setAutoCommit(true);
    }

    /** Row by row as they arrive. */
    private static List<String> read(Connection connection, int number) throws SQLException {
        List<String> notes = new ArrayList<>();
        try (PreparedStatement select =
                connection.prepareStatement("SELECT note FROM sj_line WHERE owner = ? ORDER BY id")) {
            select.setFetchSize(3);
            select.setInt(1, number);
            try (ResultSet rows = select.executeQuery()) {
                while (rows.next()) {
                    notes.add(rows.getString(1));
                }
            }
        }
        return notes;
    }

    private static List<String> expected(int number, int turns) {
        List<String> notes = new ArrayList<>();
        for (int turn = 0; turn <= turns; turn++) {
            for (int line = 0; line < LINES; line++) {
                notes.add(number + " " + turn + " " + line + " 😀");
            }
            for (int line = 0; line < LINES; line++) {
                notes.add(number + " " + turn + " batch " + line);
            }
        }
        return notes;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
