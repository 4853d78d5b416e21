import { MAX_STORED_DURATION_MS, parseDuration } from '../../core/duration.js';
import type { Command } from '../command.js';
import { UsageError } from '../program.errors.js';
import { confirmMany, UNASKED } from '../confirmation.js';
import { jobsText } from '../job-text.js';
import { Purge } from '../purge.js';

const DEFAULT_TIMEOUT = '10m';

export const purge: Command = {
  name: 'purge',
  summary: 'deletes jobs that ended longer ago than a time',
  description:
    'Deletes jobs that succeeded, were canceled or rolled back longer ago than --older-than, with their barrier rows in this database; processes do the same by themselves after their retention. Failed jobs are kept. Jobs whose transaction was in another database are kept as well: only the application knows that database.',
  options: {
    'older-than': {
      type: 'string',
      value: '<duration>',
      help: 'how long ago they must have ended, such as 7d; required',
    },
    timeout: {
      type: 'string',
      value: '<duration>',
      help: `how long it may take. Default: ${DEFAULT_TIMEOUT}`,
    },
    yes: { type: 'boolean', short: 'y', help: 'does not ask, however many jobs it deletes' },
  },
  async run(context) {
    const { values, operator } = context;
    const age = values['older-than'] as string | undefined;
    if (age === undefined) throw new UsageError('purge takes --older-than <duration>.');
    const retention = parseDuration(age, '--older-than', { max: MAX_STORED_DURATION_MS });
    const timeout = parseDuration(values['timeout'] ?? DEFAULT_TIMEOUT, '--timeout');
    const until = performance.now() + timeout;
    const { store, auditStore, databases } = await operator.store();
    await databases.openAll();
    const work = new Purge(store, databases, retention, auditStore);
    const count = await work.count(UNASKED);
    await confirmMany(
      context,
      count,
      `More than ${UNASKED} jobs that ended over ${age} ago would be deleted.`,
    );
    const { deleted, complete } = await work.all(until);
    const kept = complete ? await new Purge(store, databases, retention, auditStore).count(UNASKED) : 0;
    const lines = [
      `${jobsText(deleted)} deleted.`,
      ...(complete ? [] : [`The time was over before the end of the table: run it again.`]),
      ...(kept === 0
        ? []
        : [
            `${kept > UNASKED ? `More than ${UNASKED} jobs` : jobsText(kept)} kept: their transactions were in another database.`,
          ]),
    ];
    return { code: complete ? 0 : 1, lines, json: { deleted, complete, kept: Math.min(kept, UNASKED) } };
  },
};
