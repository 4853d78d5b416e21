import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { startPing } from '../../support/fates.js';
import { Databases } from '../../support/placements.js';

/** As Jest's fake timers are where nobody advances them: only the globals are replaced. */
function stopTimers(): void {
  const timer = { ref: () => timer, unref: () => timer, hasRef: () => true, refresh: () => timer };
  for (const name of ['setTimeout', 'setInterval', 'setImmediate']) vi.stubGlobal(name, () => timer);
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate'])
    vi.stubGlobal(name, () => undefined);
}

describeBackends('an application whose timers stand still', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases);
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    await app.close();
    await databases.drop();
  });

  it('closes, and stores how far its jobs have come', async () => {
    stopTimers();
    const gid = await app.dataSource.transaction(() => startPing(app));
    while (app.recording.of(gid).length === 0) await sleep(10);
    const closed = app.close().then(() => true);
    expect(await Promise.race([closed, sleep(20_000, false)])).toBe(true);
    vi.unstubAllGlobals();

    app = await TestApplication.start(databases, { selfTm: { runSteps: false } });
    expect((await app.admin.find(gid))!.status).toBe('succeeded');
  });
});
