import { expect } from 'vitest';
import { waitFor } from './wait-for.js';
import type { TestApplication } from './application.js';
import { Ping } from './steps.js';

/**
 * Gives the application every opportunity to run what it must not run: a job that is started now runs to
 * its end, and the recovery looks for due jobs twice more.
 */
export async function fence(app: TestApplication): Promise<void> {
  const later = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
  await app.ended(later.gid);
  // DTM does not look again at a job that has failed, and every caller has seen that it has.
  if (app.atDtm) return;
  for (let runs = 0; runs < 2; runs += 1) {
    const before = app.admin.recovery().lastRunAt;
    await waitFor(() => app.admin.recovery().lastRunAt !== before, {
      message: 'another run of the recovery',
    });
  }
}

/** The jobs have left nothing behind, or a row that says `rolledBack`, and none of their steps has run. */
export async function expectNeverRan(app: TestApplication, ...gids: readonly string[]): Promise<void> {
  for (const gid of gids) {
    const fate = await waitFor(
      async () => {
        const status = (await app.admin.find(gid))?.status ?? 'gone';
        return status !== 'prepared' && status;
      },
      { message: `the end of the prepared job ${gid}` },
    );
    expect(['gone', 'rolledBack']).toContain(fate);
  }
  await fence(app);
  for (const gid of gids) {
    expect(app.recording.of(gid)).toEqual([]);
    expect(['gone', 'rolledBack']).toContain((await app.admin.find(gid))?.status ?? 'gone');
  }
}

/** The job has succeeded, and each of its steps was executed once, in this order. */
export async function expectRanOnce(
  app: TestApplication,
  gid: string,
  steps: readonly string[] = ['ping'],
): Promise<void> {
  expect((await app.ended(gid)).status).toBe('succeeded');
  expect(app.recording.trace(gid)).toEqual(steps.map((step) => `${step}#1`));
}

/** Starts a job of one step in the transaction around the caller. */
export async function startPing(app: TestApplication): Promise<string> {
  return (await app.jobs.createJob().addStep(Ping).start()).gid;
}
