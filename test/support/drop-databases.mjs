/**
 * Drops the databases that a run left on the server of TEST_DATABASE_URL; called by keeper.sh.
 * Usage: drop-databases.mjs RUN (the name of the run's folder, which all of them begin with)
 */
import pg from 'pg';

const prefix = process.argv[2];
const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
await client.connect();
const { rows } = await client.query('SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [
  prefix,
]);
for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`);
await client.end();
