// What the programs for mysql2 and mariadb share: the task, how values are shown, and the report.
'use strict';

const crypto = require('crypto');
const fs = require('fs');

const task = JSON.parse(fs.readFileSync(0, 'utf8'));

/** A value as text: NULL stays, bytes that are no UTF-8 text become hexadecimal. */
function shown(value) {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) {
    const text = value.toString('utf8');
    const isText = Buffer.from(text, 'utf8').equals(value) && !/[\x00-\x1f]/.test(text);
    return isText ? text : 'x' + value.toString('hex');
  }
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const shownRows = (rows) => rows.map((row) => row.map(shown));

/** The content of the big value: bytes 0 to 250 over and over. */
function bigContent(length) {
  return Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
}

const sha256 = (buffer) => crypto.createHash('sha256').update(buffer).digest('hex');

/** TLS options in node's own words, or undefined. */
function tls() {
  if (!task.authority) return undefined;
  return { ca: fs.readFileSync(task.authority), rejectUnauthorized: true };
}

/** Run the scenarios that the task names; each gets a function that opens connections, which end with it. */
async function report(scenarios, open) {
  const seen = {};
  for (const name of task.scenarios) {
    const opened = [];
    const connected = async (options) => {
      const connection = await open(options || {});
      opened.push(connection);
      return connection;
    };
    try {
      seen[name] = await scenarios[name](connected);
    } catch (error) {
      seen[name] = { raised: String(error.stack || error) };
    }
    for (const connection of opened) await connection.end().catch(() => undefined);
  }
  process.stdout.write(JSON.stringify(seen), () => process.exit(0));
}

module.exports = { task, shown, shownRows, bigContent, sha256, tls, report };
