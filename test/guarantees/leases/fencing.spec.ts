import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { Effect } from '../../support/order.entity.js';
import { faultsReached, indexes, startWorker, stepMessages, workerReady } from '../../support/worker.js';
import type { AppProcess } from '../../support/child-process.js';
import { itOn, itWhere } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

/** The zombie has to begin within it, also on a busy machine. */
const LEASE = { leaseDuration: 2500, recoveryInterval: 100 };
/** A loop that stands still in the middle of a claim keeps its rows locked: the zombie looks for jobs of others once. */
const ZOMBIE = { leaseDuration: 2500, recoveryInterval: 600_000 };
const GID = 'contested';

describePlacements('a process that was held up for longer than its lease', (backend, placement) => {
  let databases: Databases;
  let other: TestApplication;
  let zombie: AppProcess;
  /** The name of the file that ends the zombie's block. */
  let takenOver: string;
  /** Lets the other process end the step that it has taken over. */
  let proceed: () => void;

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    other = await TestApplication.start(databases, { selfTm: LEASE, providers: [BusinessEffect] });
    takenOver = join(tmpdir(), `stepping-${randomUUID()}`);
    const held = new Promise<void>((resolve) => (proceed = resolve));
    other.recording.onExecute = ({ index }) => (index === 0 ? held : undefined);
    // Its attempt has left the transaction, or the step, when it passes this point.
    const faults = [{ point: 'step:executed', gid: GID, action: 'note' as const }];
    zombie = await workerReady(startWorker(databases, { name: 'zombie', selfTm: ZOMBIE, faults }));
  });
  afterEach(async () => {
    proceed();
    await zombie?.kill('SIGKILL');
    rmSync(takenOver, { force: true });
    await other?.close();
    await databases?.drop();
  });

  /** Whatever the zombie had to write has been written, or refused. */
  async function flushed(): Promise<void> {
    await faultsReached(zombie, 1);
    zombie.send({ start: { gid: 'later', steps: [['send-email']], transaction: 'none' } });
    await other.ended('later');
    expect(indexes(zombie, 'later')).toEqual([0]);
  }

  it('cannot change the job while the next process runs it', async () => {
    // The event loop stands still: no timer of the zombie can tell that the lease is over.
    const blocked = ['reserve-stock', { only: 'zombie', blockUntil: takenOver }];
    zombie.send({ start: { gid: GID, steps: [blocked, ['send-email']] } });
    await waitFor(() => other.recording.of(GID).length === 1);
    writeFileSync(takenOver, '');
    await flushed();
    expect((await other.admin.find(GID))!.steps.map(({ status }) => status)).toEqual(['running', 'pending']);
    proceed();
    expect(await other.ended(GID)).toMatchObject({ status: 'succeeded' });
    expect(other.recording.trace(GID)).toEqual(['reserve-stock#1', 'send-email#1']);
    expect(indexes(zombie, GID)).toEqual([0]);
  });

  it('gives its step the signal when it goes on, and changes nothing of a job that has ended', async () => {
    zombie.send({
      start: { gid: GID, steps: [['reserve-stock', { only: 'zombie', wait: 'release' }], ['send-email']] },
    });
    await zombie.waitForMessage((message) => message.type === 'begin');
    zombie.signal('SIGSTOP');
    proceed();
    const ended = await other.ended(GID);
    zombie.signal('SIGCONT');
    await waitFor(() => stepMessages(zombie, GID, 'abort').length > 0);
    expect(stepMessages(zombie, GID, 'abort')).toMatchObject([{ index: 0, reason: 'LeaseLostError' }]);
    zombie.send({ release: true });
    await flushed();
    expect(await other.admin.find(GID)).toEqual(ended);
    expect(indexes(zombie, GID)).toEqual([0]);
  });

  // SQLite has one writer: nobody can take the job over while the zombie's transaction is open.
  itOn(
    backend,
    'postgres',
    'mariadb',
  )('cannot commit its transactional step', async () => {
    const blocked = ['business-effect', { only: 'zombie', blockUntil: takenOver }];
    zombie.send({ start: { gid: GID, steps: [blocked, ['send-email']] } });
    await waitFor(() => other.recording.of(GID).length === 1);
    writeFileSync(takenOver, '');
    await flushed();
    expect(await other.count(Effect)).toBe(0);
    proceed();
    expect(await other.ended(GID)).toMatchObject({ status: 'succeeded' });
    expect(await other.count(Effect)).toBe(1);
    expect(other.recording.trace(GID)).toEqual(['business-effect#1', 'send-email#1']);
  });

  itWhere(placement === 'two' && backend !== 'sqlite')(
    'lets the next process wait when it was held up between the mark of its step and the COMMIT',
    async () => {
      await zombie.kill('SIGKILL');
      const faults = [{ point: 'step:before-commit', gid: GID, action: 'stop' as const }];
      const stopped = await workerReady(startWorker(databases, { name: 'stopped', selfTm: ZOMBIE, faults }));
      stopped.send({ start: { gid: GID, steps: [['business-effect'], ['send-email']] } });
      await waitFor(() => other.recording.of(GID).length === 1);
      proceed();
      stopped.signal('SIGCONT');
      expect(await other.ended(GID)).toMatchObject({ status: 'succeeded' });
      // Whoever sets the mark second finds the step done.
      expect(await other.count(Effect)).toBe(1);
      expect(other.recording.trace(GID)[0]).toBe('business-effect#1');
      await stopped.kill('SIGKILL');
    },
  );
});
