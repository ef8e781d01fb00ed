// Logs in with mysql2 and the password of the task, in clear if the server asks for it: a JSON task on the
// standard input; on the standard output who it is then, or the number of the error.
'use strict';

const mysql = require('mysql2/promise');
const { task, tls } = require('./shared');

async function logIn() {
  const { host, port, user, password, database } = task;
  const ssl = task.authority ? { ...tls(), verifyIdentity: true } : undefined;
  const connection = await mysql.createConnection({
    ...{ host, port, user, password, database, ssl, enableCleartextPlugin: true },
  });
  const [[row]] = await connection.query('SELECT CURRENT_USER() AS who');
  await connection.end();
  return { who: row.who };
}

logIn()
  .catch((error) => ({ code: error.errno || 0, text: String(error.message) }))
  .then((report) => process.stdout.write(JSON.stringify(report)));
