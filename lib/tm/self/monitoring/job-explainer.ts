import type { JobExplanation, JobReason, JobReasonCode } from '../../../core/jobs/job-operations.js';
import type { StepPause } from '../../../core/operations/fleet-numbers.js';
import { timeFrom, timeText } from '../../../core/time-text.js';
import { printable } from '../../../errors/printable.js';
import { decodePrepared } from '../job-lookup.js';
import type { JobFacts } from './job-facts.js';
import { holderOf } from './job-holder.js';
import { hindrances } from './step-hindrances.js';

/** Of an error that a sentence quotes. */
const MAX_ERROR = 300;

/** Errors of attempts that did not begin since their arguments could not be read, by the beginning of their text. */
const UNFIT = /^(?:InvalidStepArguments|PayloadKeyUnknown|PayloadCorrupt|PayloadCodec|UnreadableJob)Error\b/;

/** That say that nobody will take the job. */
const NOBODY: ReadonlySet<JobReasonCode> = new Set(['NO_WORKERS', 'NO_PROCESS_PROVIDES_STEP']);

/**
 * Why a job does not run, or what runs it. It asks nobody: everything that it goes by is in `facts`.
 *
 * An attempt that failed is counted. So an error beside no attempts is one that kept the step from beginning; its class tells whether
 * the arguments are to blame.
 */
export function explainJob(facts: JobFacts): JobExplanation {
  const { gid, status, stepName } = facts.record;
  const reasons = reasonsOf(facts);
  return { gid, status, step: status === 'succeeded' ? null : stepName, reasons };
}

function reasonsOf(facts: JobFacts): JobReason[] {
  const { status, owner, dueAt } = facts.record;
  if (status === 'prepared') return [prepared(facts), ...hindrances(facts)];
  if (status !== 'submitted') return [ended(facts)];
  const isDue = dueAt === null || dueAt.getTime() <= facts.now.getTime();
  if (owner !== null && !isDue) return [holderOf(facts, owner, dueAt)];
  const hindering = hindrances(facts);
  const isTaken = providesItself(facts) || !hindering.some(({ code }) => NOBODY.has(code));
  const own = isDue ? due(facts, owner, isTaken) : [later(facts, dueAt)];
  return inOrder(pauseOf(facts), [...hindering, ...own], isDue);
}

/** A pause comes first, unless the job has to wait for longer anyway. */
function inOrder(pause: JobReason | undefined, others: JobReason[], isDue: boolean): JobReason[] {
  if (!pause) return isDue ? others : [...others].sort((a, b) => Number(isWait(b)) - Number(isWait(a)));
  const wait = others.find(isWait);
  const waitsLonger = wait?.until !== undefined && pause.until !== undefined && wait.until > pause.until;
  return waitsLonger
    ? [wait, pause, ...others.filter((other) => other !== wait)]
    : [pause, ...others.filter(({ code }) => code !== 'DUE')];
}

function isWait({ code }: JobReason): boolean {
  return code === 'BACKING_OFF' || code === 'DELAYED';
}

function ended({ record, error, now }: JobFacts): JobReason {
  const { status, stepName, stepIndex, attempts, endedAt } = record;
  const since = endedAt === null ? '' : ` at ${timeFrom(now, endedAt)}`;
  const texts = {
    succeeded: `All its steps succeeded; the last one ended${since}.`,
    canceled: `It was canceled${since}, at step ${stepIndex} ('${stepName}'). It cannot be retried: start a new job.`,
    rolledBack: `Its transaction was rolled back${since}, so it never runs.`,
    failed:
      `It failed for good${since}, at step ${stepIndex} ('${stepName}'), after ${attemptsText(attempts)}${quoted(error)}. ` +
      'Correct what made it fail, then retry, skip or cancel it.',
  };
  return { code: 'ENDED', text: texts[status as keyof typeof texts] };
}

function prepared({ record, now }: JobFacts): JobReason {
  const { createdAt, dueAt } = record;
  const asks = dueAt === null ? '' : ` A process asks there how it ended at ${timeFrom(now, dueAt)}.`;
  return {
    code: 'PREPARED_UNRESOLVED',
    text:
      `Nobody has told yet how its transaction${databaseOf(record.lookup)} ended; it was started at ${timeFrom(now, createdAt)}.` +
      `${asks} Until then it waits. If that lasts, the transaction is still open, or its database cannot be reached: look for the ` +
      'transaction in that database, and in the log for what keeps the job prepared.',
    ...(dueAt && { until: dueAt }),
  };
}

function databaseOf(lookup: string | null): string {
  try {
    const { dataSource, tenant } = decodePrepared(lookup).database;
    const named = tenant === undefined ? '' : `, tenant '${printable(tenant, 100)}'`;
    return ` in the DataSource '${printable(dataSource, 100)}'${named},`;
  } catch {
    return '';
  }
}

/** It is not due before `dueAt`. */
function later(facts: JobFacts, dueAt: Date): JobReason {
  const { record, error, now } = facts;
  const { attempts, stepIndex, stepName } = record;
  const at = timeFrom(now, dueAt);
  const step = `step ${stepIndex} ('${stepName}')`;
  const unfit = notBegun(facts, `It is tried again at ${at}.`);
  if (unfit) return { ...unfit, until: dueAt };
  if (attempts === 0)
    return {
      code: 'DELAYED',
      until: dueAt,
      text: `It is not due before ${at}: it was started with a delay, or retried together with others over a time.`,
    };
  return {
    code: 'BACKING_OFF',
    until: dueAt,
    text:
      `Attempt ${attempts} of ${step} failed${quoted(error)}. Attempt ${attempts + 1} is due at ${at}. ` +
      'It is repeated until it succeeds or has no attempts left.',
  };
}

/** The step did not begin in a process that had the job. */
function notBegun({ record, error }: JobFacts, then: string): JobReason | undefined {
  const { attempts, stepIndex, stepName } = record;
  if (error === null) return undefined;
  const step = `Step ${stepIndex} ('${stepName}')`;
  if (UNFIT.test(error))
    return {
      code: 'ARGUMENTS_DO_NOT_FIT',
      text:
        `${step} could not begin in a process, which could not read its arguments${quoted(error)}. No attempt was counted. ${then} ` +
        'Deploy a process that takes them, or has their key; or cancel the job.',
    };
  if (attempts > 0) return undefined;
  return {
    code: 'COULD_NOT_BEGIN',
    text: `${step} could not begin in a process${quoted(error)}. No attempt was counted. ${then} Remove the cause.`,
  };
}

/** @param isTaken somebody takes the job when its turn comes, as far as is known. */
function due(facts: JobFacts, owner: string | null, isTaken: boolean): JobReason[] {
  const { record, now } = facts;
  const next = isTaken ? [dueNow(facts)] : [];
  if (owner !== null) return [...next, holderOf(facts, owner, record.dueAt ?? now)];
  const unfit = notBegun(facts, 'It is due again.');
  return unfit ? [unfit, ...next] : next;
}

function providesItself({ record: { stepName }, own }: JobFacts): boolean {
  return own.runsSteps && stepName !== null && own.steps.includes(stepName);
}

function dueNow(facts: JobFacts): JobReason {
  const { record, processes, now } = facts;
  const { stepName, dueAt } = record;
  const since = dueAt === null ? '' : ` since ${timeFrom(now, dueAt)}`;
  const who = providesItself(facts)
    ? 'This process provides its step, and takes it when its turn comes.'
    : processes
      ? 'A process that provides its step takes it when its turn comes.'
      : `Which processes provide the step '${stepName}' is not known here: see that one is running.`;
  return { code: 'DUE', text: `It has been due${since}. ${who}` };
}

function pauseOf({ record, pause, now }: JobFacts): JobReason | undefined {
  const { stepName } = record;
  if (!pause || (pause.until && pause.until.getTime() <= now.getTime())) return undefined;
  return {
    code: pause.kind === 'brake' ? 'BRAKED' : 'PAUSED',
    text: pauseText(stepName!, pause, now),
    ...(pause.until && { until: pause.until }),
  };
}

function pauseText(step: string, { kind, reason, by, since, until }: StepPause, now: Date): string {
  const why = reason === null ? '' : ` (${printable(reason, MAX_ERROR)})`;
  const start = `since ${timeText(since)}${why}`;
  if (kind === 'brake')
    return `The step '${step}' is braked ${start}: too many of its attempts failed. ${
      until ? `One attempt is tried at ${timeFrom(now, until)}` : 'One attempt is tried after a pause'
    }; if that succeeds, the others follow. Look at why they fail.`;
  const who = by === null ? '' : ` by ${printable(by, 100)}`;
  const end = until ? `It ends at ${timeFrom(now, until)}.` : 'It has no end: resume the step.';
  return `The step '${step}' is paused${who} ${start}. ${end}`;
}

function attemptsText(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`;
}

/** The first line of an error. */
function quoted(error: string | null): string {
  const line = error?.split('\n', 1)[0]?.trim().replace(/\.$/, '') ?? '';
  return line === '' ? '' : `: ${printable(line, MAX_ERROR)}`;
}
