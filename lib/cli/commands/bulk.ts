import type { BulkOptions, BulkResult } from '../../core/jobs/job-operations.js';
import type { JobFilter } from '../../core/jobs/job-info.js';
import { JobNotFoundError, JobStateError } from '../../errors/index.js';
import { printable } from '../../errors/printable.js';
import type { Answer, CommandContext, CommandOptions } from '../command.js';
import { UsageError } from '../program.errors.js';
import { confirmMany } from '../confirmation.js';
import { jobsText } from '../job-text.js';
import { passedOver } from '../encoded-texts.js';
import { FILTERS, filterOf, numberOf } from '../job-filter-options.js';

/** Of commands that touch the jobs of a list, or those that a filter finds. */
export const BULK: CommandOptions = {
  all: { type: 'boolean', help: 'all jobs that the filters below find, instead of those named' },
  ...FILTERS,
  limit: { type: 'string', value: '<n>', help: 'with --all: how many at most, 1 to 100000. Default: 10000' },
  'dry-run': { type: 'boolean', help: 'with --all: changes nothing, and tells how many would be' },
};

/** What is done to the jobs. */
export interface Action {
  /** As in "retried". */
  readonly done: string;
  one(gid: string): Promise<void>;
  all(filter: JobFilter, options: BulkOptions): Promise<BulkResult>;
}

/** Does something to the jobs that are named, or that a filter finds. */
export async function act(context: CommandContext, action: Action): Promise<Answer> {
  const { values, positionals } = context;
  if (values['all'] === true) {
    if (positionals.length > 0) throw new UsageError('Name jobs, or say --all; not both.');
    return actOnAll(context, action);
  }
  const filter = Object.keys({ ...FILTERS, limit: 0, spread: 0, 'dry-run': 0 }).find(
    (name) => values[name] !== undefined,
  );
  if (filter !== undefined) throw new UsageError(`--${filter} belongs to --all.`);
  if (positionals.length === 0) throw new UsageError('Which jobs? Name them, or say --all.');
  return actOnEach(context, action);
}

async function actOnEach(context: CommandContext, { done, one }: Action): Promise<Answer> {
  const gids = [...new Set(context.positionals)];
  await confirmMany(context, gids.length, `${gids.length} jobs would be ${done}.`);
  const changed: string[] = [];
  const refused: { readonly gid: string; readonly code: string; readonly message: string }[] = [];
  for (const gid of gids) {
    try {
      await one(gid);
      changed.push(gid);
    } catch (error) {
      if (!(error instanceof JobNotFoundError || error instanceof JobStateError)) throw error;
      refused.push({ gid, code: error.code, message: error.message });
    }
  }
  return {
    code: refused.length === 0 ? 0 : 1,
    lines: [
      ...changed.map((gid) => `${gid} is ${done}.`),
      ...refused.map(({ message }) => printable(message, 1000)),
    ],
    json: { changed, refused },
  };
}

async function actOnAll(context: CommandContext, { done, all }: Action): Promise<Answer> {
  const { values, note } = context;
  const { reason, by } = note;
  if (reason === undefined) throw new UsageError('--all takes --reason <text>: the audit keeps it.');
  if (by === undefined) throw new UsageError('--all takes --by <name>: your user has none.');
  const filter = filterOf(values);
  const limit = numberOf(values, 'limit');
  const options = { reason, by, ...(limit !== undefined && { limit }) };
  const found = await all(filter, { ...options, dryRun: true });
  const count = `${jobsText(found.matched)}${found.more ? ', and there are more,' : ''}`;
  const notes = await passedOver(context.operator.jobs, filter);
  const told = notes.length > 0 && { notes };
  if (values['dry-run'] === true)
    return { code: 0, lines: [`${count} would be ${done}.`, ...notes], json: { ...found, ...told } };
  await confirmMany(context, found.matched, `${count} would be ${done}.`);
  const result = await all(filter, options);
  const left = result.matched - result.changed;
  const rest = [
    ...(left > 0 ? [`${left} had changed meanwhile, or were locked, and were left alone.`] : []),
    ...(result.more ? ['There are more: run it again, or raise --limit.'] : []),
  ];
  return {
    code: 0,
    lines: [`${jobsText(result.changed)} ${result.changed === 1 ? 'is' : 'are'} ${done}.`, ...rest, ...notes],
    json: { ...result, ...told },
  };
}
