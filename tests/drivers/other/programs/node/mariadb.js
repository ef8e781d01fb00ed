// Runs scenarios with the package mariadb: a JSON task on the standard input, a JSON report on the standard output.
'use strict';

const mariadb = require('mariadb');
const { task, shownRows, bigContent, sha256, tls, report } = require('./shared');

function open(options) {
  const { host, port, user, password, database, compress } = task;
  return mariadb.createConnection({
    ...{ host, port, user, password, database, compress, ssl: tls() },
    ...{ rowsAsArray: true, dateStrings: true, decimalAsNumber: false, bigIntAsNumber: false },
    ...{ autoJsonMap: false, prepareCacheLength: 20, allowPublicKeyRetrieval: true },
    ...options,
  });
}

const run = (connection, sql, values) => (task.prepared ? connection.execute(sql, values) : connection.query(sql, values));

async function selected(connection, sql, values) {
  return shownRows(Array.from(await run(connection, sql, values)));
}

const resultSets = (results) => Array.from(results).filter(Array.isArray).map((rows) => shownRows(Array.from(rows)));

const COUNT = "SELECT COUNT(*) FROM od_item WHERE note = 'in a transaction'";
const INSERT = 'INSERT INTO od_item (note) VALUES (?)';

const scenarios = {
  async select(connected) {
    return selected(await connected(), "SELECT 1, 'two', NULL");
  },
  async types(connected) {
    const rows = await run(await connected(), 'SELECT * FROM od_types ORDER BY id');
    return { columns: rows.meta.map((column) => column.name()), rows: shownRows(Array.from(rows)) };
  },
  async emoji(connected) {
    const connection = await connected();
    await run(connection, INSERT, [task.emoji]);
    return selected(connection, 'SELECT note, HEX(note) FROM od_item WHERE note = ?', [task.emoji]);
  },
  async transactions(connected) {
    const connection = await connected();
    const seen = [];
    for (const end of ['rollback', 'commit']) {
      await connection.beginTransaction();
      await run(connection, INSERT, ['in a transaction']);
      await connection[end]();
      seen.push(Number((await selected(connection, COUNT))[0][0]));
    }
    return seen;
  },
  async duplicate(connected) {
    const connection = await connected();
    await run(connection, INSERT, ['twice']);
    try {
      await run(connection, INSERT, ['twice']);
    } catch (error) {
      return { code: error.errno, state: error.sqlState, after: (await selected(connection, 'SELECT 1'))[0][0] };
    }
    return 'no error';
  },
  async big(connected) {
    const connection = await connected({ maxAllowedPacket: 64 * 1024 * 1024 });
    await run(connection, 'INSERT INTO od_big (content) VALUES (?)', [bigContent(task.big)]);
    const stored = (await selected(connection, 'SELECT SHA2(content, 256) FROM od_big'))[0][0];
    const [[back]] = await run(connection, 'SELECT content FROM od_big');
    return { length: back.length, stored, fetched: sha256(back) };
  },
  async repeated(connected) {
    const connection = await connected();
    let sum = 0;
    for (let number = 1; number <= 50; number++) {
      sum += Number((await selected(connection, 'SELECT ? + 1', [number]))[0][0]);
    }
    return sum;
  },
  // More statements than the driver keeps: it closes the oldest ones.
  async statement_cache(connected) {
    const connection = await connected();
    let sum = 0;
    for (const round of [0, 1]) {
      for (let number = 1; number <= 30; number++) {
        const [[value]] = await connection.execute(`SELECT ? + ${number}`, [round]);
        sum += Number(value);
      }
    }
    return sum;
  },
  async procedure(connected) {
    return resultSets(await run(await connected(), 'CALL three_results()'));
  },
  // The driver hands out all results or the error: the statements that work first, then all of them.
  async multi(connected) {
    const connection = await connected({ multipleStatements: true });
    const seen = resultSets(await connection.query(task.multi.slice(0, task.multi.lastIndexOf(';'))));
    try {
      await connection.query(task.multi.replaceAll("'multi'", "'again'"));
    } catch (error) {
      seen.push({ code: error.errno });
    }
    return seen;
  },
  async infile(connected) {
    const connection = await connected({ permitLocalInfile: true });
    const done = await connection.query(task.infile);
    const notes = await selected(connection, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id");
    return { affected: done.affectedRows, rows: notes.map(([note]) => note) };
  },
  async out_parameters(connected) {
    return resultSets(await (await connected()).execute('CALL doubles(?, ?, ?)', [21, 100, null]));
  },
  async pipelined(connected) {
    const connection = await connected({ pipelining: true });
    const answers = [];
    for (let number = 0; number < 100; number++) {
      answers.push(number % 2 ? connection.query(`SELECT ${number}`) : connection.execute('SELECT ?', [number]));
    }
    return (await Promise.all(answers)).map((rows) => Number(rows[0][0]));
  },
  // One COM_STMT_BULK_EXECUTE where the server has it, else one execution for each row, pipelined.
  async batch(connected) {
    const seen = [];
    for (const bulk of [true, false]) {
      const connection = await connected({ bulk });
      const rows = Array.from({ length: 500 }, (_, index) => [index % 7 ? `batch ${bulk} ${index}` : null]);
      const done = await connection.batch(INSERT, rows);
      const count = await selected(connection, `SELECT COUNT(note), COUNT(*) FROM od_item WHERE note LIKE 'batch ${bulk}%'`);
      const affected = [done].flat().reduce((sum, each) => sum + each.affectedRows, 0);
      seen.push([affected, count[0][0]]);
    }
    return seen;
  },
  async stream(connected) {
    const connection = await connected();
    const ids = [];
    for await (const row of connection.queryStream('SELECT id FROM od_types ORDER BY id')) ids.push(row[0]);
    return ids;
  },
  async change_user(connected) {
    const connection = await connected();
    await connection.query('SET @kept = 5');
    await connection.changeUser({ user: task.second_user, password: task.second_password, database: 'other' });
    return selected(connection, "SELECT SUBSTRING_INDEX(USER(), '@', 1), DATABASE(), @kept");
  },
  async reset(connected) {
    const connection = await connected();
    await connection.query('SET @kept = 5');
    await connection.reset();
    await connection.ping();
    return selected(connection, 'SELECT DATABASE(), @kept');
  },
  async killed(connected) {
    const victim = await connected();
    const killer = await connected();
    const number = Number(victim.threadId);
    const same = Number((await selected(victim, 'SELECT CONNECTION_ID()'))[0][0]) === number;
    const asleep = victim.query('SELECT SLEEP(12)').then((rows) => shownRows(Array.from(rows)), (error) => error.errno);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await killer.query(`KILL QUERY ${number}`);
    const interrupted = await asleep;
    return [same, interrupted, (await selected(victim, 'SELECT 3'))[0][0]];
  },
  async wrong_authority(connected) {
    task.authority = task.wrong_authority;
    return connected().then(() => 'connected', () => 'refused');
  },
};

report(scenarios, open);
