import { isName, NAME_RULE } from '../name.js';
import {
  booleanOption,
  checkedOption,
  durationOption,
  integerOption,
  readOptions,
  type OptionReader,
  type OptionsOf,
} from '../options.js';
import { InvalidOptionError } from '../../errors/index.js';
import type { ActionNote } from '../operations/action-note.js';
import type { PauseOptions } from '../operations/stepping-operations.js';
import { checkGid } from './gid.js';
import {
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditFilter,
  type BulkOptions,
  type BulkRetryOptions,
  type RetryJobOptions,
  type SkipStepOptions,
} from './job-operations.js';
import { MAX_JOB_STEPS } from './distributed-job.js';

const MAX_REASON_LENGTH = 2000;
/** How many jobs a bulk operation changes at most, unless it is told. */
export const DEFAULT_BULK_LIMIT = 10_000;
const MAX_BULK_LIMIT = 100_000;
const DEFAULT_AUDIT_LIMIT = 100;
const MAX_AUDIT_LIMIT = 1000;
const AUDIT_ID = /^[1-9]\d{0,14}$/;

const by = checkedOption<string>(isName, NAME_RULE);
const reason = checkedOption<string>(
  (value) =>
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= MAX_REASON_LENGTH &&
    !value.includes('\0'),
  `a text of 1 to ${MAX_REASON_LENGTH} characters without NUL`,
);

const NOTE = { reason, by };
const REQUIRED_NOTE = {
  reason: required(reason, 'a text: why, for the audit'),
  by: required(by, 'a text: who, for the audit'),
};

const PAUSE = {
  ...NOTE,
  reason: REQUIRED_NOTE.reason,
  until: (value: unknown) => value as PauseOptions['until'],
};
const RETRY = { ...NOTE, args: (value: unknown) => value };
const SKIP = {
  ...REQUIRED_NOTE,
  step: required(integerOption(undefined, 0, MAX_JOB_STEPS - 1), 'the index of the step'),
};
const BULK = {
  ...REQUIRED_NOTE,
  limit: integerOption(DEFAULT_BULK_LIMIT, 1, MAX_BULK_LIMIT),
  dryRun: booleanOption(false),
};
const BULK_RETRY = { ...BULK, spread: durationOption(0) };

const AUDIT_FILTERS = {
  gid: (value: unknown) => (value === undefined ? undefined : checkGid(value as string)),
  step: by,
  action: checkedOption<AuditAction>(
    (value) => AUDIT_ACTIONS.includes(value as AuditAction),
    `one of ${AUDIT_ACTIONS.join(', ')}`,
  ),
  by,
  limit: integerOption(DEFAULT_AUDIT_LIMIT, 1, MAX_AUDIT_LIMIT),
  cursor: checkedOption<string>(
    (value) => typeof value === 'string' && AUDIT_ID.test(value),
    "the 'cursor' of the page before",
  ),
};

// Each throws InvalidOptionError for an unknown option, or a value that cannot be used.

export function checkNote(note: ActionNote): OptionsOf<typeof NOTE> {
  return readOptions(note, 'note', NOTE);
}

export function checkPause(options: PauseOptions): OptionsOf<typeof PAUSE> {
  return readOptions(options, 'pause', PAUSE);
}

export function checkRetry(options: RetryJobOptions): OptionsOf<typeof RETRY> {
  return readOptions(options, 'options', RETRY);
}

export function checkSkip(options: SkipStepOptions): OptionsOf<typeof SKIP> {
  return readOptions(options, 'options', SKIP);
}

export function checkBulk(options: BulkOptions): OptionsOf<typeof BULK> {
  return readOptions(options, 'options', BULK);
}

export function checkBulkRetry(options: BulkRetryOptions): OptionsOf<typeof BULK_RETRY> {
  return readOptions(options, 'options', BULK_RETRY);
}

export function checkAuditFilter(filter: AuditFilter): OptionsOf<typeof AUDIT_FILTERS> {
  return readOptions(filter, 'filter', AUDIT_FILTERS);
}

function required<T>(reader: OptionReader<T | undefined>, expected: string): OptionReader<T> {
  return (value, option) => {
    const read = reader(value, option);
    if (read === undefined) throw new InvalidOptionError(option, value, expected);
    return read;
  };
}
