import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.BatchUpdateException;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;

/** Runs scenarios with Connector/J: a JSON task on the standard input, a JSON report on the standard output. */
public final class Driver {
    private static final String INSERT = "INSERT INTO od_item (note) VALUES (?)";
    private static final int BATCH = 200;

    private interface Scenario {
        Object run() throws Exception;
    }

    private final Map<String, Object> task;
    private final List<Connection> opened = new ArrayList<>();

    private Driver(Map<String, Object> task) {
        this.task = task;
    }

    public static void main(String[] arguments) throws Exception {
        String text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        byte[] report = Json.written(new Driver(Json.read(text)).report()).getBytes(StandardCharsets.UTF_8);
        System.out.write(report, 0, report.length);
        System.out.flush();
        System.exit(0);
    }

    private Map<String, Object> report() {
        Map<String, Object> seen = new LinkedHashMap<>();
        Map<String, Scenario> scenarios = scenarios();
        for (Object name : (List<?>) task.get("scenarios")) {
            try {
                seen.put((String) name, scenarios.get(name).run());
            } catch (Exception error) {
                seen.put((String) name, Map.of("raised", error.toString()));
            }
            for (Connection connection : opened) {
                try {
                    connection.close();
                } catch (SQLException error) {
                    // What a scenario has to say of it, it has said.
                }
            }
            opened.clear();
        }
        return seen;
    }

    private Map<String, Scenario> scenarios() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        all.put("select", () -> selected(connected(), "SELECT 1, 'two', NULL"));
        all.put("types", this::types);
        all.put("emoji", this::emoji);
        all.put("transactions", this::transactions);
        all.put("duplicate", this::duplicate);
        all.put("big", this::big);
        all.put("repeated", this::repeated);
        all.put("procedure", () -> results(connected(), "CALL three_results()"));
        all.put("multi", this::multi);
        all.put("infile", this::infile);
        all.put("out_parameters", this::outParameters);
        all.put("batch_rewritten", () -> batch("rewriteBatchedStatements", "true"));
        all.put("batch_bulk", () -> batch("useBulkStmts", "true", "useServerPrepStmts", "true"));
        all.put("batch_pipelined", () -> batch("useBulkStmts", "false", "useBatchMultiSend", "true"));
        all.put("batch_single", () -> batch("useBulkStmts", "false", "useBatchMultiSend", "false"));
        all.put("batch_duplicate", this::batchDuplicate);
        all.put("stream", this::stream);
        all.put("generated_keys", this::generatedKeys);
        all.put("cancelled_statement", this::cancelled);
        all.put("timed_out", this::timedOut);
        all.put("wrong_authority", this::wrongAuthority);
        return all;
    }

    private Connection connected(String... more) throws SQLException {
        Properties options = new Properties();
        options.setProperty("user", (String) task.get("user"));
        options.setProperty("password", (String) task.get("password"));
        options.setProperty("useServerPrepStmts", task.get("prepared").toString());
        options.setProperty("useCompression", task.get("compress").toString());
        options.setProperty("allowPublicKeyRetrieval", "true");
        options.setProperty("allowLocalInfile", "true");
        String authority = (String) task.get("authority");
        if (!authority.isEmpty()) {
            options.setProperty("useSsl", "true");
            options.setProperty("serverSslCert", authority);
        }
        for (int index = 0; index < more.length; index += 2) {
            options.setProperty(more[index], more[index + 1]);
        }
        String place = "jdbc:mariadb://" + task.get("host") + ":" + task.get("port") + "/" + task.get("database");
        opened.add(DriverManager.getConnection(place, options));
        return opened.get(opened.size() - 1);
    }

    /** A value as text: NULL stays, bytes of binary columns become hexadecimal. */
    private static List<List<Object>> rows(ResultSet result) throws SQLException {
        ResultSetMetaData columns = result.getMetaData();
        List<List<Object>> seen = new ArrayList<>();
        while (result.next()) {
            List<Object> row = new ArrayList<>();
            for (int index = 1; index <= columns.getColumnCount(); index++) {
                int type = columns.getColumnType(index);
                boolean binary = type == Types.BINARY || type == Types.VARBINARY || type == Types.LONGVARBINARY
                        || type == Types.BLOB;
                byte[] bytes = binary ? result.getBytes(index) : null;
                row.add(binary ? (bytes == null ? null : "x" + hex(bytes)) : result.getString(index));
            }
            seen.add(row);
        }
        return seen;
    }

    private static List<List<Object>> selected(Connection connection, String sql, Object... values)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int index = 0; index < values.length; index++) {
                statement.setObject(index + 1, values[index]);
            }
            try (ResultSet result = statement.executeQuery()) {
                return rows(result);
            }
        }
    }

    private static void insert(Connection connection, String note) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(INSERT)) {
            statement.setString(1, note);
            statement.executeUpdate();
        }
    }

    private static List<Object> results(Connection connection, String sql) throws SQLException {
        List<Object> seen = new ArrayList<>();
        try (Statement statement = connection.createStatement()) {
            boolean hasRows = statement.execute(sql);
            while (hasRows || statement.getUpdateCount() >= 0) {
                if (hasRows) {
                    seen.add(rows(statement.getResultSet()));
                }
                hasRows = statement.getMoreResults();
            }
        } catch (SQLException error) {
            seen.add(Map.of("code", error.getErrorCode()));
        }
        return seen;
    }

    /** The driver hands out all results or the error: the statements that work first, then all of them. */
    private Object multi() throws SQLException {
        String sql = (String) task.get("multi");
        Connection connection = connected("allowMultiQueries", "true");
        List<Object> seen = results(connection, sql.substring(0, sql.lastIndexOf(';')));
        seen.addAll(results(connection, sql.replace("'multi'", "'again'")));
        return seen;
    }

    private Object types() throws SQLException {
        try (PreparedStatement statement = connected().prepareStatement("SELECT * FROM od_types ORDER BY id");
                ResultSet result = statement.executeQuery()) {
            List<Object> names = new ArrayList<>();
            List<Object> kinds = new ArrayList<>();
            for (int index = 1; index <= result.getMetaData().getColumnCount(); index++) {
                names.add(result.getMetaData().getColumnName(index));
                kinds.add(result.getMetaData().getColumnTypeName(index));
            }
            return Map.of("columns", names, "kinds", kinds, "rows", rows(result));
        }
    }

    private Object emoji() throws SQLException {
        Connection connection = connected();
        insert(connection, (String) task.get("emoji"));
        return selected(connection, "SELECT note, HEX(note) FROM od_item WHERE note = ?", task.get("emoji"));
    }

    private Object transactions() throws SQLException {
        Connection connection = connected();
        List<Object> seen = new ArrayList<>();
        for (boolean keep : new boolean[] {false, true}) {
            connection.setAutoCommit(false);
            insert(connection, "in a transaction");
            if (keep) {
                connection.commit();
            } else {
                connection.rollback();
            }
            connection.setAutoCommit(true);
            String count = "SELECT COUNT(*) FROM od_item WHERE note = 'in a transaction'";
            seen.add(Integer.parseInt((String) selected(connection, count).get(0).get(0)));
        }
        return seen;
    }

    private Object duplicate() throws SQLException {
        Connection connection = connected();
        insert(connection, "twice");
        try {
            insert(connection, "twice");
        } catch (SQLException error) {
            Object after = selected(connection, "SELECT 1").get(0).get(0);
            return Map.of("code", error.getErrorCode(), "state", error.getSQLState(), "after", after);
        }
        return "no error";
    }

    private Object big() throws Exception {
        Connection connection = connected();
        byte[] content = new byte[(Integer) task.get("big")];
        for (int index = 0; index < content.length; index++) {
            content[index] = (byte) (index % 251);
        }
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO od_big (content) VALUES (?)")) {
            statement.setBytes(1, content);
            statement.executeUpdate();
        }
        Object stored = selected(connection, "SELECT SHA2(content, 256) FROM od_big").get(0).get(0);
        try (PreparedStatement statement = connection.prepareStatement("SELECT content FROM od_big");
                ResultSet result = statement.executeQuery()) {
            result.next();
            byte[] back = result.getBytes(1);
            String fetched = hex(MessageDigest.getInstance("SHA-256").digest(back));
            return Map.of("length", back.length, "stored", stored, "fetched", fetched);
        }
    }

    private Object repeated() throws SQLException {
        int sum = 0;
        try (PreparedStatement statement = connected().prepareStatement("SELECT ? + 1")) {
            for (int number = 1; number <= 50; number++) {
                statement.setInt(1, number);
                try (ResultSet result = statement.executeQuery()) {
                    result.next();
                    sum += result.getInt(1);
                }
            }
        }
        return sum;
    }

    private Object infile() throws SQLException {
        Connection connection = connected();
        try (Statement statement = connection.createStatement()) {
            int affected = statement.executeUpdate((String) task.get("infile"));
            List<Object> notes = new ArrayList<>();
            for (List<Object> row : selected(connection, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id")) {
                notes.add(row.get(0));
            }
            return Map.of("affected", affected, "rows", notes);
        }
    }

    private Object outParameters() throws SQLException {
        try (CallableStatement call = connected().prepareCall("{CALL doubles(?, ?, ?)}")) {
            call.setInt(1, 21);
            call.setInt(2, 100);
            call.registerOutParameter(2, Types.INTEGER);
            call.registerOutParameter(3, Types.VARCHAR);
            call.execute();
            List<List<Object>> given = rows(call.getResultSet());
            return Arrays.asList(given, call.getInt(2), call.getString(3));
        }
    }

    private Object batch(String... options) throws SQLException {
        Connection connection = connected(options);
        try (PreparedStatement statement = connection.prepareStatement(INSERT)) {
            for (int index = 0; index < BATCH; index++) {
                statement.setString(1, index % 7 == 0 ? null : "batch " + index);
                statement.addBatch();
            }
            int[] counts = statement.executeBatch();
            Object[] totals = selected(connection, "SELECT COUNT(note), COUNT(*) FROM od_item").get(0).toArray();
            boolean good = Arrays.stream(counts).allMatch(each -> each == 1 || each == Statement.SUCCESS_NO_INFO);
            connection.createStatement().executeUpdate("DELETE FROM od_item");
            return Arrays.asList(counts.length, good, totals[0], totals[1]);
        }
    }

    private Object batchDuplicate() throws SQLException {
        Connection connection = connected();
        try (PreparedStatement statement = connection.prepareStatement(INSERT)) {
            for (String note : new String[] {"one", "two", "two", "three"}) {
                statement.setString(1, note);
                statement.addBatch();
            }
            statement.executeBatch();
            return "no error";
        } catch (BatchUpdateException error) {
            Object after = selected(connection, "SELECT 1").get(0).get(0);
            return Arrays.asList(error.getErrorCode(), error.getSQLState(), after);
        }
    }

    private Object stream() throws SQLException {
        List<Object> seen = new ArrayList<>();
        try (PreparedStatement statement = connected().prepareStatement("SELECT id FROM od_types ORDER BY id")) {
            statement.setFetchSize(1);
            try (ResultSet result = statement.executeQuery()) {
                while (result.next()) {
                    seen.add(result.getInt(1));
                }
            }
        }
        return seen;
    }

    private Object generatedKeys() throws SQLException {
        Connection connection = connected();
        try (PreparedStatement statement =
                connection.prepareStatement(INSERT, Statement.RETURN_GENERATED_KEYS)) {
            statement.setString(1, "with a key");
            statement.executeUpdate();
            try (ResultSet keys = statement.getGeneratedKeys()) {
                keys.next();
                String same = "SELECT id = ? FROM od_item WHERE note = 'with a key'";
                return selected(connection, same, keys.getLong(1)).get(0).get(0);
            }
        }
    }

    /** Statement.cancel() sends KILL QUERY on a connection of its own. */
    private Object cancelled() throws Exception {
        Connection connection = connected();
        Statement statement = connection.createStatement();
        CompletableFuture<Object> ended = CompletableFuture.supplyAsync(() -> {
            try {
                return rows(statement.executeQuery("SELECT SLEEP(12)"));
            } catch (SQLException error) {
                return error.getErrorCode();
            }
        });
        Thread.sleep(200);
        statement.cancel();
        return Arrays.asList(ended.get(), selected(connection, "SELECT 3").get(0).get(0));
    }

    private Object timedOut() throws SQLException {
        Connection connection = connected();
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("SELECT COUNT(*) FROM od_types a, od_types b WHERE SLEEP(5) = 0");
            return "no error";
        } catch (SQLException error) {
            return Arrays.asList(error.getErrorCode(), selected(connection, "SELECT 3").get(0).get(0));
        }
    }

    private Object wrongAuthority() {
        task.put("authority", task.get("wrong_authority"));
        try {
            connected();
            return "connected";
        } catch (SQLException error) {
            return "refused";
        }
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte each : bytes) {
            text.append(String.format("%02x", each));
        }
        return text.toString();
    }
}
