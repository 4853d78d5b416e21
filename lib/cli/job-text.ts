import type { JobInfo, StepInfo } from '../core/jobs/job-info.js';
import { roughSpanText, timeText } from '../core/time-text.js';
import { printable } from '../errors/printable.js';
import { pairs, table } from './table.js';

const NOTHING = '-';
/** The job has gone on behind such a step. */
const DONE: ReadonlySet<string> = new Set(['succeeded', 'skipped']);
/** Arguments are shown in full, up to so many characters. */
const MAX_ARGUMENTS = 20_000;

/** `1 job`, `2 jobs`. */
export function jobsText(count: number): string {
  return `${count} ${count === 1 ? 'job' : 'jobs'}`;
}

/** The lines of a page of jobs. */
export function jobTable(jobs: readonly JobInfo[], now: Date, width: number | undefined): string[] {
  return table(
    jobs,
    [
      { title: 'GID', cell: ({ gid }) => gid },
      { title: 'STATUS', cell: ({ status }) => status },
      { title: 'STEP', cell: stepText, cuttable: true },
      { title: 'ATTEMPTS', cell: (job) => currentOf(job)?.attempts ?? 0 },
      { title: 'STARTED', cell: ({ createdAt }) => roughTime(now, createdAt) },
      { title: 'NEXT', cell: ({ dueAt }) => (dueAt ? roughTime(now, dueAt) : NOTHING) },
      { title: 'ERROR', cell: ({ error }) => firstLine(error) ?? NOTHING, cuttable: true },
    ],
    width,
  );
}

/** The lines of one job. */
export function jobText(job: JobInfo, withArgs: boolean, width: number | undefined): string[] {
  const { gid, name, status, createdAt, dueAt, endedAt, error, steps } = job;
  return [
    ...pairs(
      [
        ['Job', gid],
        ['Name', name ?? NOTHING],
        ['Status', status],
        ['Started', timeText(createdAt)],
        ['Next', dueAt ? timeText(dueAt) : NOTHING],
        ['Ended', endedAt ? timeText(endedAt) : NOTHING],
        ['Error', firstLine(error) ?? NOTHING],
      ],
      width,
    ),
    '',
    ...table(
      steps,
      [
        { title: '#', cell: ({ index }) => index },
        { title: 'STEP', cell: (step) => step.name, cuttable: true },
        { title: 'STATUS', cell: (step) => step.status },
        { title: 'ATTEMPTS', cell: ({ attempts }) => attempts },
      ],
      width,
    ),
    ...(withArgs ? steps.map(writable).flatMap(argumentLines) : []),
  ];
}

/** What a program gets of a job: arguments only where they were asked for. */
export function jobJson(job: JobInfo, withArgs: boolean): JobInfo {
  if (withArgs) return { ...job, steps: job.steps.map(writable) };
  return { ...job, steps: job.steps.map(({ args: _args, argsError: _error, ...step }) => step) };
}

/** Arguments that somebody has put there by hand may be nested too deeply for JSON: one job must not hide the others of a list. */
function writable(step: StepInfo): StepInfo {
  try {
    JSON.stringify(step.args);
    return step;
  } catch {
    const { args: _args, ...others } = step;
    return { ...others, argsError: 'CORRUPT' };
  }
}

function argumentLines({ index, name, args, argsError }: StepInfo): string[] {
  const title = `Arguments of step ${index} (${printable(name, 200)}):`;
  if (argsError === 'KEY_UNKNOWN')
    return ['', `${title} cannot be shown: they are encoded, and this program has no key.`];
  if (argsError === 'CORRUPT') return ['', `${title} cannot be shown: they are damaged.`];
  if (args === undefined) return ['', `${title} none`];
  const lines = JSON.stringify(args, undefined, 2).slice(0, MAX_ARGUMENTS).split('\n');
  return ['', title, ...lines.map((line) => `  ${printable(line, MAX_ARGUMENTS)}`)];
}

function roughTime(now: Date, time: Date): string {
  const ahead = time.getTime() - now.getTime();
  return ahead > 0 ? `in ${roughSpanText(ahead)}` : `${roughSpanText(-ahead)} ago`;
}

function stepText(job: JobInfo): string {
  const current = currentOf(job);
  return current ? `${current.index + 1}/${job.steps.length} ${current.name}` : NOTHING;
}

/** The step that it stands at; the last one of a job that has succeeded. */
function currentOf({ steps }: JobInfo): StepInfo | undefined {
  return steps.find(({ status }) => !DONE.has(status)) ?? steps.at(-1);
}

function firstLine(error: string | null): string | undefined {
  return error?.split('\n', 1)[0];
}
