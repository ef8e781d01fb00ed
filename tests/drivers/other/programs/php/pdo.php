<?php
// Runs scenarios with PDO: a JSON task on the standard input, a JSON report on the standard output.

require __DIR__ . '/shared.php';

function connected(array $options = []): PDO
{
    global $task;
    $options += [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM,
        PDO::ATTR_EMULATE_PREPARES => !$task['prepared'],
        PDO::MYSQL_ATTR_COMPRESS => $task['compress'],
    ];
    if ($task['authority']) {
        $options[PDO::MYSQL_ATTR_SSL_CA] = $task['authority'];
        $options[PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT] = true;
    }
    $source = "mysql:host={$task['host']};port={$task['port']};dbname={$task['database']};charset=utf8mb4";
    return new PDO($source, $task['user'], $task['password'], $options);
}

function selected(PDO $connection, string $sql, array $values = []): array
{
    $statement = $connection->prepare($sql);
    $statement->execute($values);
    return shown_rows($statement->fetchAll());
}

function insert(PDO $connection, string $note): void
{
    $connection->prepare('INSERT INTO od_item (note) VALUES (?)')->execute([$note]);
}

function results(PDO $connection, string $sql): array
{
    $seen = [];
    try {
        $statement = $connection->query($sql);
        do {
            if ($statement->columnCount()) {
                $seen[] = shown_rows($statement->fetchAll());
            }
        } while ($statement->nextRowset());
    } catch (PDOException $error) {
        $seen[] = ['code' => $error->errorInfo[1]];
    }
    return $seen;
}

report([
    'select' => fn () => selected(connected(), "SELECT 1, 'two', NULL"),
    'types' => function () {
        $statement = connected()->prepare('SELECT * FROM od_types ORDER BY id');
        $statement->execute();
        $indexes = range(0, $statement->columnCount() - 1);
        $columns = array_map(fn ($index) => $statement->getColumnMeta($index)['name'], $indexes);
        return ['columns' => $columns, 'rows' => shown_rows($statement->fetchAll())];
    },
    'emoji' => function () use ($task) {
        $connection = connected();
        insert($connection, $task['emoji']);
        return selected($connection, 'SELECT note, HEX(note) FROM od_item WHERE note = ?', [$task['emoji']]);
    },
    'transactions' => function () {
        $connection = connected();
        $seen = [];
        foreach (['rollBack', 'commit'] as $end) {
            $connection->beginTransaction();
            insert($connection, 'in a transaction');
            $connection->$end();
            $count = "SELECT COUNT(*) FROM od_item WHERE note = 'in a transaction'";
            $seen[] = (int) selected($connection, $count)[0][0];
        }
        return $seen;
    },
    'duplicate' => function () {
        $connection = connected();
        insert($connection, 'twice');
        try {
            insert($connection, 'twice');
        } catch (PDOException $error) {
            [$state, $code] = $error->errorInfo;
            return ['code' => $code, 'state' => $state, 'after' => selected($connection, 'SELECT 1')[0][0]];
        }
        return 'no error';
    },
    'big' => function () use ($task) {
        $connection = connected();
        $insert = $connection->prepare('INSERT INTO od_big (content) VALUES (?)');
        $insert->bindValue(1, big_content($task['big']), PDO::PARAM_LOB);
        $insert->execute();
        $stored = selected($connection, 'SELECT SHA2(content, 256) FROM od_big')[0][0];
        $statement = $connection->prepare('SELECT content FROM od_big');
        $statement->execute();
        $back = $statement->fetchColumn();
        return ['length' => strlen($back), 'stored' => $stored, 'fetched' => hash('sha256', $back)];
    },
    'repeated' => function () {
        $statement = connected()->prepare('SELECT ? + 1');
        $sum = 0;
        for ($number = 1; $number <= 50; $number++) {
            $statement->bindValue(1, $number, PDO::PARAM_INT);
            $statement->execute();
            $sum += (int) $statement->fetchColumn();
            $statement->closeCursor();
        }
        return $sum;
    },
    'procedure' => fn () => results(connected(), 'CALL three_results()'),
    'multi' => fn () => results(connected([PDO::ATTR_EMULATE_PREPARES => true]), $task['multi']),
    'infile' => function () use ($task) {
        $connection = connected([PDO::MYSQL_ATTR_LOCAL_INFILE => true]);
        $affected = $connection->exec($task['infile']);
        $notes = selected($connection, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id");
        return ['affected' => $affected, 'rows' => array_column($notes, 0)];
    },
    'unbuffered' => function () {
        $connection = connected([PDO::MYSQL_ATTR_USE_BUFFERED_QUERY => false]);
        $statement = $connection->query('SELECT id FROM od_types ORDER BY id');
        $first = $statement->fetchColumn();
        $statement->closeCursor();
        return [(int) $first, selected($connection, 'SELECT 2')[0][0]];
    },
    'wrong_authority' => function () {
        global $task;
        $task['authority'] = $task['wrong_authority'];
        try {
            connected();
        } catch (PDOException $error) {
            return 'refused';
        }
        return 'connected';
    },
]);
