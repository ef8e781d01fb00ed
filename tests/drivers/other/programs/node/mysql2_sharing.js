// An application on a mysql2 pool under load: a line of JSON as its task, a line of JSON as its report.
// See tests/drivers/python/crowd.py. The pool is large enough for all clients; the rest is mysql2's default.
'use strict';

const assert = require('assert');
const readline = require('readline');
const mysql = require('mysql2/promise');

const TURNS = 2;
const LINES = 8;
const DUPLICATE = 1062;
const TABLE = 'CREATE TABLE so_line (id INT AUTO_INCREMENT PRIMARY KEY, owner INT, note VARCHAR(50) UNIQUE)';
const INSERT = 'INSERT INTO so_line (owner, note) VALUES (?, ?)';
const OF_OWNER = 'SELECT note FROM so_line WHERE owner = ? ORDER BY id';

// Statements of the pool, each maybe on another connection of it.
async function throughThePool(pool, number, turn) {
  const keys = [];
  for (let line = 0; line < LINES; line++) {
    const [done] = await pool.execute(INSERT, [number, `${number} ${turn} ${line} 😀`]);
    const [rows] = await pool.execute('SELECT owner, note FROM so_line WHERE id = ?', [done.insertId]);
    assert.deepStrictEqual({ ...rows[0] }, { owner: number, note: `${number} ${turn} ${line} 😀` });
    keys.push(done.insertId);
  }
  const failed = await pool.execute(INSERT, [number, `${number} ${turn} 0 😀`]).catch((error) => error);
  assert.strictEqual(failed.errno, DUPLICATE);
  const [rows] = await pool.query('SELECT id FROM so_line WHERE id IN (?) ORDER BY id', [keys]);
  assert.deepStrictEqual(rows.map((row) => row.id), keys);
}

// A transaction that is given up, one that is not, and a streamed result, on one connection.
async function onOneConnection(pool, number, turn) {
  const connection = await pool.getConnection();
  try {
    for (const end of ['rollback', 'commit']) {
      await connection.beginTransaction();
      await connection.execute(INSERT, [number, `${number} ${turn} ${end}`]);
      await connection[end]();
    }
    const notes = [];
    const stream = connection.connection.query(OF_OWNER, [number]).stream();
    for await (const row of stream) notes.push(row.note);
    const expected = [];
    for (let each = 0; each <= turn; each++) {
      for (let line = 0; line < LINES; line++) expected.push(`${number} ${each} ${line} 😀`);
      expected.push(`${number} ${each} commit`);
    }
    assert.deepStrictEqual(notes, expected);
  } finally {
    connection.release();
  }
}

async function main(task) {
  const { host, port, user, password, schema, clients } = task;
  const pool = mysql.createPool({ host, port, user, password, database: schema, connectionLimit: clients });
  await pool.query('DROP TABLE IF EXISTS so_line');
  await pool.query(TABLE);
  // All at once, so that there is a connection for each.
  const held = await Promise.all(Array.from({ length: clients }, () => pool.getConnection()));
  held.forEach((connection) => connection.release());
  const failures = [];
  await Promise.all(held.map(async (_, number) => {
    try {
      for (let turn = 0; turn < TURNS; turn++) {
        await throughThePool(pool, number, turn);
        await onOneConnection(pool, number, turn);
      }
    } catch (error) {
      failures.push(`client ${number}: ${error.stack}`);
    }
  }));
  process.stdout.write(JSON.stringify({ clients: held.length, failures }) + '\n');
  return async () => {
    await pool.query('DROP TABLE so_line');
    await pool.end();
  };
}

const input = readline.createInterface({ input: process.stdin });
let leave = Promise.resolve(() => undefined);
input.once('line', (line) => { leave = main(JSON.parse(line)); });
input.once('close', async () => { await (await leave)(); });
