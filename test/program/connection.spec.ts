import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, describeBackends, type TestDatabase } from '../support/database.js';
import { connectionOf, runProgram, runProgramHere, type ProgramOutcome } from '../support/program.js';

const PASSWORD = 'p4ss-w0rd-of-the-test';

// Inside the repository, so that TypeORM is found as in an application.
const root = new URL('../../', import.meta.url).pathname;
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'program-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describeBackends('the tables, by the program', (backend) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase(backend);
  });
  afterEach(() => database.drop());

  const run = (...args: string[]): Promise<ProgramOutcome> =>
    runProgramHere([...args, ...connectionOf(database)]);

  it('migrate --sql prints what migrate would do, and changes nothing', async () => {
    const outcome = await run('list');
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain("The database lacks 'stepping_jobs'");
    expect(outcome.stderr).toContain('nestjs-stepping migrate');

    const printed = await run('migrate', '--sql');
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(printed.stdout).toMatch(/^CREATE TABLE IF NOT EXISTS \S*stepping_migrations\S* \(\n {2}id /);
    expect((await run('list')).code).toBe(2);

    const { json } = await run('migrate', '--sql', '--json');
    expect(json.migrations).toEqual(['SteppingInitial1793491200000']);
    for (const sql of json.statements as string[]) await database.query(sql);
    expect(await run('list')).toMatchObject({ code: 0, stdout: 'No jobs.\n' });
    expect(await run('migrate', '--sql')).toMatchObject({
      code: 0,
      stdout: '-- The tables are up to date.\n',
    });
  });

  it('migrate creates the tables, once, under the prefix that it is told', async () => {
    expect(await run('migrate')).toMatchObject({
      code: 0,
      stdout: 'Applied SteppingInitial1793491200000.\n',
    });
    expect(await run('migrate')).toMatchObject({ code: 0, stdout: 'The tables were up to date.\n' });
    expect((await run('list', '--prefix', 'other_')).code).toBe(2);
    expect((await run('migrate', '--prefix', 'other_')).code).toBe(0);
    expect((await run('list', '--prefix', 'other_')).code).toBe(0);
    const wrong = await run('list', '--prefix', 'a"; DROP TABLE x; --');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('SQL identifier');
  });

  it('doctor: says what is missing, and ends with 1', async () => {
    const missing = await run('doctor');
    expect(missing.code).toBe(1);
    expect(missing.stdout).toContain('The table stepping_jobs is missing.');

    await run('migrate');
    const well = await run('doctor', '--json');
    expect(well.json.findings).toContainEqual(expect.objectContaining({ check: 'schema', result: 'ok' }));

    const index = backend === 'mariadb' ? 'stepping_jobs_due_at ON stepping_jobs' : 'stepping_jobs_due_at';
    await database.query(`DROP INDEX ${index}`);
    await database.query('ALTER TABLE stepping_audit DROP COLUMN detail');
    const drifted = await run('doctor', '--json');
    expect(drifted.code).toBe(1);
    const texts = (drifted.json.findings as { result: string; text: string }[]).map(({ text }) => text);
    expect(texts).toEqual([
      expect.stringMatching(/stepping_audit.* cannot be read as it has to be: .*detail/),
      'The index stepping_jobs_due_at is missing.',
    ]);
    expect(drifted.json.problems).toBe(2);
  });

  it('doctor: finds a lease that nobody takes over, and a step that nobody provides', async () => {
    await run('migrate');
    const ago = {
      postgres: `clock_timestamp() - interval '5 minutes'`,
      mariadb: 'UTC_TIMESTAMP(6) - INTERVAL 5 MINUTE',
      sqlite: String(Date.now() - 300_000),
    }[backend];
    await database.query(
      `INSERT INTO stepping_jobs (gid, status, steps, step_index, step_name, attempts, owner, created_at, due_at)
       VALUES ('orphan', 'submitted', '[{"step":"pack"}]', 0, 'pack', 0, 'a-process.1', ${ago}, ${ago})`,
    );
    const { code, json } = await run('doctor', '--json');
    expect(code).toBe(1);
    const problems = (json.findings as { check: string; result: string; text: string }[]).filter(
      ({ result }) => result === 'problem',
    );
    expect(problems).toContainEqual(
      expect.objectContaining({
        check: 'holds',
        text: expect.stringMatching(/^The leases of 1 job \(orphan\) are over, for up to 5 min/),
      }),
    );
    expect(problems).toContainEqual(
      expect.objectContaining({ check: 'steps', text: expect.stringContaining("the step 'pack'") }),
    );
  });

  it('a data-source file is only a way to the database: nothing of it is run', async () => {
    await run('migrate');
    const before = await tablesOf(database);
    const marker = join(folder, `${backend}-touched`);
    const options = JSON.stringify({
      ...database.dataSourceOptions(),
      synchronize: true,
      dropSchema: true,
      migrationsRun: true,
      logging: 'all',
    });
    const source = `
      import { writeFileSync } from 'node:fs';
      import { DataSource, EntitySchema } from 'typeorm';
      const Customer = new EntitySchema({ name: 'Customer', columns: { id: { type: Number, primary: true } } });
      const touch = () => writeFileSync(${JSON.stringify(marker)}, '');
      class Subscriber { constructor() { touch(); } beforeQuery() { touch(); } }
      class Migration1700000000000 { async up() { touch(); } async down() {} }
      export default new DataSource({ ...${options}, entities: [Customer], subscribers: [Subscriber], migrations: [Migration1700000000000] });
    `;
    const file = write(`${backend}.mjs`, source);
    const schema = database.schema === undefined ? [] : ['--schema', database.schema];
    const outcome = await runProgram(['list', '-d', file, ...schema]);
    expect(outcome).toMatchObject({ code: 0, stdout: 'No jobs.\n', stderr: '' });
    expect(await tablesOf(database)).toEqual(before);
    expect(existsSync(marker)).toBe(false);
  });
});

async function tablesOf(database: TestDatabase): Promise<string[]> {
  const sql = {
    postgres: `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${database.schema}'`,
    mariadb: 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
    sqlite: `SELECT name FROM sqlite_master WHERE type = 'table'`,
  }[database.backend];
  return (await database.query<{ name: string }>(sql)).map(({ name }) => name).toSorted();
}

describe('a place that cannot be used', () => {
  const unusable: [what: string, args: string[], says: RegExp][] = [
    ['no place at all', [], /Where is the database\?/],
    [
      'a closed port',
      ['--url', `postgres://someone:${PASSWORD}@127.0.0.1:1/db`],
      /Cannot connect to postgres:\/\/127\.0\.0\.1:1\/db/,
    ],
    [
      'a closed port of MySQL',
      ['--url', `mysql://someone:${PASSWORD}@127.0.0.1:1/db`],
      /Cannot connect to mysql:/,
    ],
    [
      'a scheme that is not known',
      ['--url', `oracle://someone:${PASSWORD}@127.0.0.1:1/db`],
      /has a scheme that is not known/,
    ],
    ['a URL that is none', ['--url', `postgres://someone:${PASSWORD}@:1:2/db`], /is no URL/],
    ['a URL in quotes', ['--url', `"postgres://someone:${PASSWORD}@127.0.0.1:1/db"`], /There is no file/],
    ['a URL without its scheme', ['--url', `someone:${PASSWORD}@127.0.0.1:1/db`], /There is no file/],
    [
      'a URL with the name of its variable',
      ['--url', `DATABASE_URL=postgres://someone:${PASSWORD}@127.0.0.1:1/db`],
      /There is no file/,
    ],
    ['a slash too few', ['--url', `postgres:/someone:${PASSWORD}@127.0.0.1:1/db`], /Cannot connect to/],
    ['a slash too many', ['--url', `postgres:///someone:${PASSWORD}@127.0.0.1:1/db`], /Cannot connect to/],
    ...['require', 'verify-full', 'false'].map((word): [string, string[], RegExp] => [
      `ssl=${word}, which pg does not know`,
      ['--url', `postgres://someone:${PASSWORD}@127.0.0.1:1/db?ssl=${word}`],
      /ssl=.* sslmode=/,
    ]),
    ['a file that is not there', ['--url', join(folder, 'nobody.db')], /There is no file/],
    ['a data-source file that is not there', ['-d', join(folder, 'nobody.mjs')], /There is no file/],
    ['both', ['--url', 'x.db', '-d', 'x.mjs'], /not both/],
    [
      'a URL in the place of an option',
      [`postgres://someone:${PASSWORD}@127.0.0.1:1/db`],
      /list takes nothing/,
    ],
  ];

  it.each(unusable)('%s: ends with 2, and tells no password', async (_, args, says) => {
    for (const form of [[], ['--json']]) {
      const { code, stdout, stderr } = await runProgramHere(['list', ...args, ...form]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(says);
      expect(stderr).not.toContain(PASSWORD);
    }
    expect(existsSync(join(folder, 'nobody.db'))).toBe(false);
  });

  it('tells no password of a data-source file, wherever it stands', async () => {
    const file = write(
      'refused.mjs',
      `import { DataSource } from 'typeorm';
       export const AppDataSource = new DataSource({
         type: 'postgres', host: '${PASSWORD}.invalid', port: 1, username: 'u', password: '${PASSWORD}', database: 'd' });`,
    );
    const { code, stderr } = await runProgram(['list', '-d', file]);
    expect(code).toBe(2);
    expect(stderr).toContain('Cannot connect to postgres');
    expect(stderr).not.toContain(PASSWORD);
  });

  it.each([
    ['exports nothing', 'export const x = 1;', /must export one TypeORM DataSource; it exports none/],
    ['cannot be loaded', 'export default (;', /cannot be loaded/],
    [
      'connects by itself',
      `import { DataSource } from 'typeorm';
       export default await new DataSource({ type: 'better-sqlite3', database: ':memory:' }).initialize();`,
      /connects its DataSource by itself/,
    ],
  ])('a data-source file that %s', async (name, text, says) => {
    const { code, stderr } = await runProgram([
      'list',
      '-d',
      write(`${name.replaceAll(' ', '-')}.mjs`, text),
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });

  it.each([
    ['throws', `throw new TypeError('in a\\ncallback')`],
    ['leaves a promise rejected', `Promise.reject(new TypeError('in a\\ncallback'))`],
  ])('what a driver %s in a callback ends it as any other error does', async (what, act) => {
    const file = write(
      `${what.replaceAll(' ', '-')}.mjs`,
      `import { DataSource } from 'typeorm';
       class Late extends DataSource {
         initialize() {
           return new Promise(() => setImmediate(() => { ${act}; }));
         }
       }
       export default new Late({ type: 'better-sqlite3', database: ':memory:' });`,
    );
    const plain = await runProgram(['list', '-d', file]);
    expect(plain).toMatchObject({ code: 2, stdout: '' });
    expect(plain.stderr).toBe('nestjs-stepping: TypeError: in a\\ncallback\n');
    const json = await runProgram(['list', '-d', file, '--json']);
    expect(json).toMatchObject({ code: 2, stdout: '' });
    expect(JSON.parse(json.stderr)).toEqual({
      error: { code: 'UNEXPECTED', message: 'TypeError: in a\\ncallback' },
    });
  });

  it('reads CommonJS, and STEPPING_URL', async () => {
    const database = await createDatabase('sqlite');
    try {
      const options = JSON.stringify(database.dataSourceOptions());
      const file = write(
        'source.cjs',
        `const { DataSource } = require('typeorm'); module.exports = { AppDataSource: new DataSource(${options}) };`,
      );
      expect(await runProgram(['migrate', '-d', file])).toMatchObject({ code: 0, stderr: '' });
      const { url } = database;
      for (const place of [url, `sqlite:${url}`, pathToFileURL(url).href])
        expect(await runProgramHere(['list'], { env: { STEPPING_URL: place } })).toMatchObject({
          code: 0,
          stderr: '',
        });
    } finally {
      await database.drop();
    }
  });
});

describe('the command line', () => {
  it('--help lists every command, and each has a help of its own', async () => {
    const { code, stdout } = await runProgram(['--help']);
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}([a-z]+)(?= |$)/gm)].map(([, name]) => name!);
    expect(names).toEqual([
      ...['status', 'list', 'show', 'explain', 'doctor', 'retry', 'cancel', 'skip'],
      ...['pause', 'resume', 'drain', 'migrate', 'purge'],
    ]);
    for (const name of names) {
      const help = await runProgramHere([name, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(new RegExp(`^Usage: nestjs-stepping ${name}\\b`));
      expect(Math.max(...help.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    }
  });

  it('keeps to the width that it is told', async () => {
    const { stdout } = await runProgramHere(['--help'], { width: 60 });
    expect(
      Math.max(
        ...stdout
          .split('\n')
          .slice(3)
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(60);
  });

  it.each([
    [[], /Which command\?/],
    [['lsit'], /There is no command 'lsit'/],
    [['--url', 'x', 'list'], /The command comes first/],
    [['list', '--colour'], /Unknown option '--colour'/],
    [['skip', 'a', '--step', '-1'], /is ambiguous\. Did you forget [^\\]*'--step=-XYZ'/],
    [['show'], /show takes <gid>, not nothing/],
    [['show', 'a', 'b'], /show takes <gid>, not a b/],
  ])('%j is refused with 2', async (args, says) => {
    const { code, stdout, stderr } = await runProgramHere(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).toContain('See nestjs-stepping ');
  });

  it.each([
    [['retry'], /Which jobs\?/],
    [['retry', 'a', '--all'], /not both/],
    [['retry', 'a', '--step', 'x'], /--step belongs to --all/],
    [['cancel', '--all'], /--all takes --reason/],
    [['skip', 'a'], /skip takes --step/],
    [['skip', 'a', '--step', 'x'], /--step takes a whole number/],
    [['skip', 'a', '--step', '1'], /skip takes --reason/],
    [['pause', 'a'], /pause takes --reason/],
    [['drain', '--timeout', 'long'], /--timeout/],
    [['list', '--since', '2026-99-99'], /--since is no time/],
    [['list', '--status', 'gone'], /filter\.status/],
  ])('%j is refused with 2, whatever the database', async (args, says) => {
    const database = await createDatabase('sqlite');
    try {
      await runProgramHere(['migrate', ...connectionOf(database)]);
      const { code, stdout, stderr } = await runProgramHere([...args, ...connectionOf(database)]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(says);
    } finally {
      await database.drop();
    }
  });
});
