import { afterEach, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { createDatabase, describeBackends, type TestDatabase } from './database.js';
import { startApp } from './child-process.js';
import { waitFor } from './wait-for.js';

describeBackends('createDatabase', (backend) => {
  let database: TestDatabase | undefined;
  afterEach(async () => {
    await database?.drop();
    database = undefined;
  });

  it('gives TypeORM and raw queries the same, empty place, and removes it', async () => {
    database = await createDatabase(backend);
    const dataSource = await new DataSource(database.dataSourceOptions()).initialize();
    try {
      await dataSource.query('CREATE TABLE probe (id int)');
      await dataSource.query('INSERT INTO probe VALUES (1)');
      expect(await database.query('SELECT id FROM probe')).toEqual([{ id: 1 }]);
    } finally {
      await dataSource.destroy();
    }
    await database.drop();
    database = await createDatabase(backend);
    await expect(database.query('SELECT id FROM probe')).rejects.toThrow();
  });
});

describe('waitFor', () => {
  it('returns the first truthy answer', async () => {
    let looks = 0;
    expect(await waitFor(() => ++looks >= 3 && 'done')).toBe('done');
  });

  it('gives up with the message and the last error', async () => {
    const waiting = waitFor(() => Promise.reject(new Error('not yet')), { timeout: 20, message: 'the row' });
    await expect(waiting).rejects.toThrow('Waited 20 ms in vain for the row');
    await expect(waiting).rejects.toMatchObject({ cause: new Error('not yet') });
  });
});

describe('startApp', () => {
  it('passes arguments, environment and messages, and reports the end', async () => {
    const app = startApp('echo', { args: ['one'], env: { ECHO_PROBE: 'seen' } });
    expect(await app.waitForMessage((message) => message.type === 'ready')).toMatchObject({
      args: ['one'],
      probe: 'seen',
    });
    app.send({ text: 'hello' });
    await app.waitForMessage((message) => message.type === 'echo' && message.message.text === 'hello');
    app.send({ exit: 3 });
    expect(await app.exited).toEqual({ code: 3, signal: null });
    expect(app.log).toContain('a line that is no message');
    await expect(app.waitForMessage((message) => message.type === 'never')).rejects.toThrow(/echo ended/);
  });

  it('kills', async () => {
    const app = startApp('echo');
    await app.waitForMessage((message) => message.type === 'ready');
    expect(await app.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    expect(() => process.kill(app.pid, 0)).toThrow();
  });
});
