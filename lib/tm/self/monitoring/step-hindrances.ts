import type { JobReason } from '../../../core/jobs/job-operations.js';
import type { ProcessInfo } from '../../../core/operations/fleet-numbers.js';
import { timeFrom } from '../../../core/time-text.js';
import type { JobFacts } from './job-facts.js';
import { isRecovering } from './recovery-patience.js';

/** What keeps all processes from running a job, whenever it is due. None where processes are not known. */
export function hindrances({ record, processes, now, patience }: JobFacts): JobReason[] {
  if (!processes) return [];
  const { status, stepName, dueAt } = record;
  const workers = processes.filter(({ runsSteps, state }) => runsSteps && state === 'alive');
  if (workers.length === 0) return [noWorkers(processes)];
  const recovering = workers.filter((worker) => isRecovering(worker, now, patience));
  const stopped = recovering.length === 0 ? [recoveryStopped(workers, now)] : [];
  if (status === 'prepared') return stopped;
  const providers = workers.filter(({ steps }) => steps.includes(stepName ?? ''));
  if (providers.length === 0) return [...stopped, noProvider(stepName, workers)];
  const isDue = dueAt !== null && dueAt.getTime() <= now.getTime();
  const full = isDue && providers.every(({ concurrency, running }) => running >= concurrency);
  return full ? [...stopped, allFull(stepName, providers)] : stopped;
}

function noWorkers(processes: readonly ProcessInfo[]): JobReason {
  const alive = processes.filter(({ state }) => state === 'alive');
  const stopping = processes.filter(({ state }) => state === 'stopping').length;
  const others = alive.length === 0 ? '' : ` (those that live only start jobs: ${namesOf(alive)})`;
  const leaving = stopping === 0 ? '' : ` ${stopping} shut down at this moment.`;
  return {
    code: 'NO_WORKERS',
    text: `No live process runs steps${others}.${leaving} Start one, with 'runSteps' on.`,
  };
}

function noProvider(step: string | null, workers: readonly ProcessInfo[]): JobReason {
  return {
    code: 'NO_PROCESS_PROVIDES_STEP',
    text:
      `No live process provides the step '${step}'; ${namesOf(workers)} run${workers.length === 1 ? 's' : ''} others. Deploy one that does, ` +
      'or give the new name of the step the old one as an alias.',
  };
}

function recoveryStopped(workers: readonly ProcessInfo[], now: Date): JobReason {
  const last = workers
    .map(({ recoveredAt }) => recoveredAt)
    .filter((at) => at !== null)
    .sort((a, b) => b.getTime() - a.getTime())[0];
  const since = last ? `since ${timeFrom(now, last)}` : 'since they started';
  return {
    code: 'RECOVERY_STOPPED',
    text:
      `No live process has looked for due jobs ${since}: ${namesOf(workers)}. Look in their logs for a database that cannot be reached, ` +
      'and for an event loop that is blocked.',
  };
}

function allFull(step: string | null, providers: readonly ProcessInfo[]): JobReason {
  const slots = providers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  const waiting = providers.reduce((sum, { waiting: jobs }) => sum + jobs, 0);
  return {
    code: 'ALL_PROCESSES_FULL',
    text:
      `The ${slots} slots of the processes that provide the step '${step}' are taken: ${namesOf(providers)}; ${waiting} more jobs wait in their ` +
      "memory. It runs when one is free. If that takes too long, start more processes or raise 'concurrency'.",
  };
}

const MAX_NAMES = 3;

function namesOf(processes: readonly ProcessInfo[]): string {
  const names = processes.slice(0, MAX_NAMES).map(({ name }) => name);
  const more = processes.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
