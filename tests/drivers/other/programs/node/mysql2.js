// Runs scenarios with mysql2: a JSON task on the standard input, a JSON report on the standard output.
'use strict';

const fs = require('fs');
const mysql = require('mysql2/promise');
const { task, shownRows, bigContent, sha256, tls, report } = require('./shared');

function open(options) {
  const { host, port, user, password, database, compress } = task;
  const ssl = task.authority ? { ...tls(), verifyIdentity: true } : undefined;
  return mysql.createConnection({
    ...{ host, port, user, password, database, compress, ssl },
    ...{ charset: 'utf8mb4', rowsAsArray: true, dateStrings: true, maxPreparedStatements: 20 },
    ...{ supportBigNumbers: true, bigNumberStrings: true, infileStreamFactory: (path) => fs.createReadStream(path) },
    ...options,
  });
}

const run = (connection, sql, values) => (task.prepared ? connection.execute(sql, values) : connection.query(sql, values));

async function selected(connection, sql, values) {
  return shownRows((await run(connection, sql, values))[0]);
}

// The answer to a statement with several results; what is no rows is left out.
const resultSets = (results) => results.filter(Array.isArray).map(shownRows);

// mysql2 hands out all results of a statement or the error alone: an event for each result shows both.
function results(connection, sql) {
  return new Promise((resolve) => {
    const seen = [];
    const query = connection.connection.query(sql);
    query.on('fields', (fields) => fields && seen.push([]));
    query.on('result', (row) => Array.isArray(row) && seen[seen.length - 1].push(row));
    query.on('error', (error) => {
      seen.push({ code: error.errno });
      resolve(seen.map((each) => (Array.isArray(each) ? shownRows(each) : each)));
    });
    query.on('end', () => resolve(seen.map((each) => (Array.isArray(each) ? shownRows(each) : each))));
  });
}

const COUNT = "SELECT COUNT(*) FROM od_item WHERE note = 'in a transaction'";
const INSERT = 'INSERT INTO od_item (note) VALUES (?)';

const scenarios = {
  async select(connected) {
    return selected(await connected(), "SELECT 1, 'two', NULL");
  },
  async types(connected) {
    const [rows, fields] = await run(await connected(), 'SELECT * FROM od_types ORDER BY id');
    return { columns: fields.map((field) => field.name), rows: shownRows(rows) };
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
    const connection = await connected();
    await run(connection, 'INSERT INTO od_big (content) VALUES (?)', [bigContent(task.big)]);
    const stored = (await selected(connection, 'SELECT SHA2(content, 256) FROM od_big'))[0][0];
    const [[[back]]] = await run(connection, 'SELECT content FROM od_big');
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
  // More statements than mysql2 keeps: it closes the oldest ones.
  async statement_cache(connected) {
    const connection = await connected();
    let sum = 0;
    for (const round of [0, 1]) {
      for (let number = 1; number <= 30; number++) {
        const [[[value]]] = await connection.execute(`SELECT ? + ${number}`, [round]);
        sum += Number(value);
      }
    }
    return sum;
  },
  async procedure(connected) {
    return resultSets((await run(await connected(), 'CALL three_results()'))[0]);
  },
  async multi(connected) {
    return results(await connected({ multipleStatements: true }), task.multi);
  },
  async infile(connected) {
    const connection = await connected();
    const [done] = await connection.query(task.infile);
    const notes = await selected(connection, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id");
    return { affected: done.affectedRows, rows: notes.map(([note]) => note) };
  },
  async out_parameters(connected) {
    return resultSets((await (await connected()).execute('CALL doubles(?, ?, ?)', [21, 100, null]))[0]);
  },
  async pipelined(connected) {
    const connection = await connected();
    const answers = [];
    for (let number = 0; number < 100; number++) {
      answers.push(number % 2 ? connection.query(`SELECT ${number}`) : connection.execute('SELECT ?', [number]));
    }
    return (await Promise.all(answers)).map(([[[value]]]) => Number(value));
  },
  async stream(connected) {
    const connection = await connected();
    const ids = [];
    for await (const row of connection.connection.query('SELECT id FROM od_types ORDER BY id').stream()) ids.push(row[0]);
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
    await new Promise((resolve, reject) => {
      connection.connection.reset((error) => (error ? reject(error) : resolve()));
    });
    await connection.ping();
    return selected(connection, 'SELECT DATABASE(), @kept');
  },
  async attributes(connected) {
    const connection = await connected();
    const attributes = { color: 'größer 😀', size: 17 };
    const [asText] = await connection.query({ sql: task.attributes, attributes });
    const [inBinary] = await connection.execute({ sql: task.attributes, attributes });
    return [shownRows(asText), shownRows(inBinary)];
  },
  async killed(connected) {
    const victim = await connected();
    const killer = await connected();
    const number = victim.threadId;
    const same = Number((await selected(victim, 'SELECT CONNECTION_ID()'))[0][0]) === number;
    const asleep = victim.query('SELECT SLEEP(12)').then(([rows]) => shownRows(rows), (error) => error.errno);
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
