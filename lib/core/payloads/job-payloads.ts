import { isDeepStrictEqual } from 'node:util';
import { PayloadCorruptError } from '../../errors/index.js';
import type { JobInfo, StepInfo } from '../jobs/job-info.js';
import {
  firstArgsOf,
  parseSteps,
  stepNamesOf,
  type JobMessage,
  type ParsedStep,
} from '../jobs/job-message.js';
import type { StepAttempt, StepOutcome } from '../steps/step-attempt.js';
import { argsErrorOf, untilPatienceEnds, type Payloads } from './payloads.js';
import type { PayloadContext } from './payload-codec.js';
import { encodedIn, isEncoded, isMarked, plainIn } from './stored-forms.js';

/** How many texts of a job, or jobs of a page, are with the codec at once. */
const AT_ONCE = 16;

/**
 * The message with its arguments encoded.
 *
 * @throws PayloadCodecError, PayloadKeyUnknownError.
 */
export async function encodedMessage(
  payloads: Payloads,
  message: JobMessage,
  tenant: string | undefined,
): Promise<JobMessage> {
  const until = untilPatienceEnds();
  const { gid } = message;
  const steps = await mapped(message.steps, async (step, stepIndex) => {
    if (step.args === undefined) return step;
    const context = { gid, stepIndex, purpose: 'args', ...(tenant !== undefined && { tenant }) } as const;
    return { ...step, args: await payloads.encodeArgs(step.args, context, until) };
  });
  return { ...message, steps };
}

/**
 * Whether two encoded step lists of one job are equal once they are decoded, whatever the order of the keys in their arguments and
 * overrides. Of arguments that were edited, the first ones count.
 *
 * @throws PayloadKeyUnknownError, PayloadCorruptError, PayloadCodecError where that cannot be told.
 */
export async function sameSteps(
  payloads: Payloads,
  gid: string,
  left: string,
  right: string,
): Promise<boolean> {
  if (left === right) return true;
  const names = stepNamesOf(left);
  // Where one of them cannot be read, they are not equal.
  if (names.length === 0 || !isDeepStrictEqual(names, stepNamesOf(right))) return false;
  const [one, other] = [parseSteps(left), parseSteps(right)];
  if (!one.every(({ overrides }, index) => isDeepStrictEqual(overrides, other[index]!.overrides)))
    return false;
  const until = untilPatienceEnds();
  const decoded = (steps: readonly ParsedStep[]) =>
    mapped(steps, (step, index) => readArgs(payloads, gid, index, firstArgsOf(step), until));
  return isDeepStrictEqual(await decoded(one), await decoded(other));
}

/**
 * An attempt whose arguments can be read; what cannot be decoded here makes it unfit. Not part of the attempt's own time: a step is not
 * to blame for a slow codec.
 */
export async function openAttempt<A extends StepAttempt>(
  payloads: Payloads,
  attempt: A,
): Promise<A | StepOutcome> {
  const { gid, stepIndex, stop, gracePeriod } = attempt;
  const stored = attempt.readArgs();
  if (!isEncoded(stored)) return { ...attempt, readArgs: () => plainIn(attempt.readArgs()) };
  const stopped = new Promise<undefined>((resolve) => stop.onRequest(() => resolve(undefined)));
  try {
    const until = untilPatienceEnds(gracePeriod);
    const json = await Promise.race([
      jsonOf(payloads, stored, { gid, stepIndex, purpose: 'args' }, until),
      stopped,
    ]);
    if (json === undefined) return { kind: 'interrupted', settled: true };
    let first: { readonly value: unknown } | undefined = { value: parsed(json) };
    const readArgs = (): unknown => {
      const { value } = first ?? { value: parsed(json) };
      first = undefined;
      return value;
    };
    return { ...attempt, readArgs };
  } catch (error) {
    return { kind: 'unfit', error };
  }
}

/** A job as users see it, but not decoded yet. */
export interface StoredJobInfo extends JobInfo {
  /** The name of the class of its error, where that is stored beside it. */
  readonly errorName?: string | null;
}

/** What users see of jobs, decoded as far as this process can. */
export function readableJobs(
  payloads: Payloads,
  jobs: readonly StoredJobInfo[],
  includeArgs = true,
): Promise<JobInfo[]> {
  const until = untilPatienceEnds();
  return mapped(jobs, async ({ errorName, ...job }) => {
    const { gid, steps } = job;
    const context = { gid, stepIndex: currentStep(steps) };
    const error = job.error && (await payloads.readReport(job.error, errorName, context, until));
    if (!includeArgs) return { ...job, error, steps: steps.map(({ args: _args, ...step }) => step) };
    return { ...job, error, steps: await mapped(steps, (step) => readableStep(payloads, gid, step, until)) };
  });
}

/** The tenant that a job was started for, as far as its arguments tell. */
export function tenantOf(steps: readonly ParsedStep[]): string | undefined {
  for (const { args } of steps) {
    const tenant = encodedIn(args)?.tenant;
    if (tenant !== undefined) return tenant;
  }
  return undefined;
}

async function readableStep(
  payloads: Payloads,
  gid: string,
  { args: stored, ...step }: StepInfo,
  until: number,
): Promise<StepInfo> {
  if (!isMarked(stored)) return { ...step, args: stored };
  try {
    return { ...step, args: await readArgs(payloads, gid, step.index, stored, until) };
  } catch (error) {
    payloads.reportUndecodable(gid, error);
    return { ...step, argsError: argsErrorOf(error) };
  }
}

/**
 * The arguments behind what is stored of them.
 *
 * @throws PayloadKeyUnknownError, PayloadCorruptError, PayloadCodecError.
 */
export async function readStored(
  payloads: Payloads,
  stored: unknown,
  context: PayloadContext,
  until: number,
): Promise<unknown> {
  return isEncoded(stored) ? parsed(await jsonOf(payloads, stored, context, until)) : plainIn(stored);
}

function readArgs(
  payloads: Payloads,
  gid: string,
  stepIndex: number,
  stored: unknown,
  until: number,
): Promise<unknown> {
  return readStored(payloads, stored, { gid, stepIndex, purpose: 'args' }, until);
}

async function jsonOf(
  payloads: Payloads,
  stored: unknown,
  context: PayloadContext,
  until: number,
): Promise<string> {
  const encoded = encodedIn(stored);
  if (!encoded) throw new PayloadCorruptError('what is stored of it has changed');
  return payloads.decode(encoded, context, until);
}

/** Without the parser's own words, which quote the text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new PayloadCorruptError('what the codec has made of it is no JSON');
  }
}

/** The step that a job stands at. */
function currentStep(steps: readonly StepInfo[]): number {
  const at = steps.findIndex(({ status }) => status !== 'succeeded' && status !== 'skipped');
  return at === -1 ? Math.max(0, steps.length - 1) : at;
}

/** `Promise.all()` with a few at a time. */
async function mapped<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const indexes = items.keys();
  const worker = async (): Promise<void> => {
    for (const index of indexes) results[index] = await work(items[index]!, index);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
