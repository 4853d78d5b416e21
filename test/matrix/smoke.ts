import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { freePort } from '../support/dtm/dtm-process.js';
import type { Variant } from './cells.js';
import { Command } from './command.js';
import { postgresSchema, sqliteFile } from './databases.js';
import type { Installation } from './installation.js';
import type { NodeProgram } from './node-program.js';

/** Where an application runs. */
export interface Place {
  readonly installation: Installation;
  readonly node: NodeProgram;
}

/**
 * The guarantees that are tried: a committed job runs, its steps in order; one that rolled back does not; a process
 * that is killed in the middle of a step, with a transaction open, is followed by one that finishes the step, repeats
 * no transactional one, and lets the open transaction's job be.
 *
 * @param server the address of the DTM server, for the variants that keep their jobs there
 */
export async function smoke(place: Place, variant: Variant, server: string): Promise<void> {
  const { installation, node } = place;
  const { kind, platform, store } = variant;
  const onDtm = store === 'DTM';
  const database = store === 'SQLite' ? sqliteFile(installation.folder) : await postgresSchema();
  const settings = {
    database: database.options,
    sqliteDriver: store === 'SQLite' ? node.sqliteDriver : undefined,
    platform,
    dtm: onDtm ? { server, port: await freePort() } : undefined,
    run: randomUUID(),
  };
  const start = (phase: string): Command =>
    new Command(node.path, [installation.program(kind), phase], {
      cwd: installation.folder,
      env: { MATRIX_SETTINGS: JSON.stringify(settings) },
    });
  const started: Command[] = [];
  try {
    const first = start('work');
    started.push(first);
    const { worked } = await first.message('worked');
    const ledger = ['committed is placed', 'committed is booked', 'committed is confirmed'];
    assert.deepEqual(worked, {
      refused: true,
      committed: 'succeeded',
      rolledBack: onDtm ? 'rolledBack' : null,
      ledger,
    });
    await first.message('inTheStep');
    first.write('go on\n');
    await first.message('inTheTransaction');
    first.kill();
    await first.ended;

    const second = start('recover');
    started.push(second);
    const { recovered } = await second.message('recovered');
    assert.deepEqual(recovered, {
      interrupted: 'succeeded',
      open: onDtm ? 'rolledBack' : null,
      forged: onDtm ? 401 : null,
      ledger: [...ledger, 'interrupted is placed', 'interrupted is booked', 'interrupted is confirmed'],
    });
    await second.success(60_000);
  } finally {
    for (const command of started) command.kill();
    await Promise.all(started.map(({ ended }) => ended));
    await database.drop();
  }
}
