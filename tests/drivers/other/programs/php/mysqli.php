<?php
// Runs scenarios with mysqli: a JSON task on the standard input, a JSON report on the standard output.

require __DIR__ . '/shared.php';
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function connected(array $options = []): mysqli
{
    global $task;
    $connection = mysqli_init();
    foreach ($options as $option => $value) {
        $connection->options($option, $value);
    }
    $flags = $task['compress'] ? MYSQLI_CLIENT_COMPRESS : 0;
    if ($task['authority']) {
        $connection->ssl_set(null, null, $task['authority'], null, null);
        $connection->options(MYSQLI_OPT_SSL_VERIFY_SERVER_CERT, 1);
        $flags |= MYSQLI_CLIENT_SSL;
    }
    $place = [$task['host'], $task['user'], $task['password'], $task['database'], $task['port'], null, $flags];
    $connection->real_connect(...$place);
    $connection->set_charset('utf8mb4');
    return $connection;
}

function execute(mysqli $connection, string $sql, array $values = [])
{
    global $task;
    if ($task['prepared']) {
        $statement = $connection->prepare($sql);
        $statement->execute($values ?: null);
        return $statement->get_result();
    }
    $parts = explode('?', $sql);
    foreach ($values as $index => $value) {
        $parts[$index] .= "'" . $connection->real_escape_string($value) . "'";
    }
    return $connection->query(implode('', $parts));
}

function selected(mysqli $connection, string $sql, array $values = []): array
{
    return shown_rows(execute($connection, $sql, $values)->fetch_all(MYSQLI_NUM));
}

function results(mysqli $connection, string $sql): array
{
    $seen = [];
    try {
        $connection->multi_query($sql);
        do {
            $result = $connection->store_result();
            if ($result) {
                $seen[] = shown_rows($result->fetch_all(MYSQLI_NUM));
            }
        } while ($connection->next_result());
    } catch (mysqli_sql_exception $error) {
        $seen[] = ['code' => $error->getCode()];
    }
    return $seen;
}

report([
    'select' => fn () => selected(connected(), "SELECT 1, 'two', NULL"),
    'types' => function () {
        $result = execute(connected(), 'SELECT * FROM od_types ORDER BY id');
        $columns = array_map(fn ($field) => $field->name, $result->fetch_fields());
        return ['columns' => $columns, 'rows' => shown_rows($result->fetch_all(MYSQLI_NUM))];
    },
    'emoji' => function () use ($task) {
        $connection = connected();
        execute($connection, 'INSERT INTO od_item (note) VALUES (?)', [$task['emoji']]);
        return selected($connection, 'SELECT note, HEX(note) FROM od_item WHERE note = ?', [$task['emoji']]);
    },
    'transactions' => function () {
        $connection = connected();
        $seen = [];
        foreach (['rollback', 'commit'] as $end) {
            $connection->begin_transaction();
            execute($connection, 'INSERT INTO od_item (note) VALUES (?)', ['in a transaction']);
            $connection->$end();
            $count = "SELECT COUNT(*) FROM od_item WHERE note = 'in a transaction'";
            $seen[] = (int) selected($connection, $count)[0][0];
        }
        return $seen;
    },
    'duplicate' => function () {
        $connection = connected();
        execute($connection, 'INSERT INTO od_item (note) VALUES (?)', ['twice']);
        try {
            execute($connection, 'INSERT INTO od_item (note) VALUES (?)', ['twice']);
        } catch (mysqli_sql_exception $error) {
            $after = selected($connection, 'SELECT 1')[0][0];
            return ['code' => $error->getCode(), 'state' => $error->getSqlState(), 'after' => $after];
        }
        return 'no error';
    },
    'big' => function () use ($task) {
        $connection = connected();
        execute($connection, 'INSERT INTO od_big (content) VALUES (?)', [big_content($task['big'])]);
        $stored = selected($connection, 'SELECT SHA2(content, 256) FROM od_big')[0][0];
        $back = execute($connection, 'SELECT content FROM od_big')->fetch_row()[0];
        return ['length' => strlen($back), 'stored' => $stored, 'fetched' => hash('sha256', $back)];
    },
    'repeated' => function () {
        $connection = connected();
        $statement = $connection->prepare('SELECT ? + 1');
        $sum = 0;
        for ($number = 1; $number <= 50; $number++) {
            $statement->bind_param('i', $number);
            $statement->execute();
            $sum += $statement->get_result()->fetch_row()[0];
        }
        return $sum;
    },
    'procedure' => fn () => results(connected(), 'CALL three_results()'),
    'multi' => fn () => results(connected(), $task['multi']),
    'infile' => function () use ($task) {
        $connection = connected([MYSQLI_OPT_LOCAL_INFILE => 1]);
        $connection->query($task['infile']);
        $affected = $connection->affected_rows;
        $notes = selected($connection, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id");
        return ['affected' => $affected, 'rows' => array_column($notes, 0)];
    },
    'out_parameters' => function () {
        $connection = connected();
        $statement = $connection->prepare('CALL doubles(?, ?, ?)');
        $statement->execute([21, 100, null]);
        $seen = [];
        do {
            $result = $statement->get_result();
            if ($result) {
                $seen[] = shown_rows($result->fetch_all(MYSQLI_NUM));
            }
        } while ($statement->next_result());
        return $seen;
    },
    'cursor' => function () {
        $connection = connected();
        $statement = $connection->prepare('SELECT id FROM od_types ORDER BY id');
        $statement->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
        $statement->execute();
        $statement->bind_result($id);
        $seen = [];
        while ($statement->fetch()) {
            $seen[] = $id;
        }
        return $seen;
    },
    'long_data' => function () {
        $connection = connected();
        $statement = $connection->prepare('SELECT CONCAT(?, ?), LENGTH(?)');
        $empty = null;
        $word = 'end';
        $statement->bind_param('bsb', $empty, $word, $empty);
        foreach (['a piece, ', 'another, '] as $piece) {
            $statement->send_long_data(0, $piece);
            $statement->send_long_data(2, $piece);
        }
        $statement->execute();
        return shown_rows($statement->get_result()->fetch_all(MYSQLI_NUM));
    },
    'unbuffered' => function () {
        $connection = connected();
        $result = $connection->query('SELECT id FROM od_types ORDER BY id', MYSQLI_USE_RESULT);
        $first = $result->fetch_row()[0];
        $result->free();
        return [(int) $first, selected($connection, 'SELECT 2')[0][0]];
    },
    'asynchronous' => function () {
        $pool = [connected(), connected()];
        foreach ($pool as $index => $connection) {
            $connection->query("SELECT SLEEP(0.05), $index", MYSQLI_ASYNC);
        }
        return array_map(fn ($each) => shown_rows($each->reap_async_query()->fetch_all(MYSQLI_NUM)), $pool);
    },
    'change_user' => function () use ($task) {
        $connection = connected();
        $connection->query('SET @kept = 5');
        $connection->change_user($task['second_user'], $task['second_password'], 'other');
        return selected($connection, "SELECT SUBSTRING_INDEX(USER(), '@', 1), DATABASE(), @kept");
    },
    'killed' => function () {
        [$victim, $killer] = [connected(), connected()];
        $number = $victim->thread_id;
        $same = selected($victim, 'SELECT CONNECTION_ID()')[0][0] == $number;
        $victim->query('SELECT SLEEP(12)', MYSQLI_ASYNC);
        usleep(200000);
        $killer->query("KILL QUERY $number");
        try {
            $interrupted = shown_rows($victim->reap_async_query()->fetch_all(MYSQLI_NUM));
        } catch (mysqli_sql_exception $error) {
            $interrupted = $error->getCode();
        }
        return [$same, $interrupted, selected($victim, 'SELECT 3')[0][0]];
    },
    'wrong_authority' => function () {
        global $task;
        $task['authority'] = $task['wrong_authority'];
        try {
            connected();
        } catch (mysqli_sql_exception $error) {
            return 'refused';
        }
        return 'connected';
    },
]);
