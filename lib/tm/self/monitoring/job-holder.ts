import type { JobReason } from '../../../core/jobs/job-operations.js';
import type { ProcessInfo } from '../../../core/operations/fleet-numbers.js';
import { timeFrom } from '../../../core/time-text.js';
import type { JobFacts } from './job-facts.js';

/** The id of the process in the owner token of a lease, whose other part is the number of the claim. */
export function processIdOf(owner: string): string {
  const dot = owner.lastIndexOf('.');
  return dot === -1 ? owner : owner.slice(0, dot);
}

/** Who holds a job, and until when if nobody renews the lease. */
export function holderOf(facts: JobFacts, owner: string, leaseEnd: Date): JobReason {
  const id = processIdOf(owner);
  const { own, processes, now } = facts;
  const info = processes?.find((process) => process.id === id);
  const isOwn = own.id === id;
  const name = info?.name ?? (isOwn ? own.name : null);
  const alive = isOwn || (info ? info.state !== 'gone' : processes ? false : null);
  const over = leaseEnd.getTime() <= now.getTime();
  const text = over
    ? `Process ${nameText(name, id)} held it, and has not renewed its lease, which ended at ${timeFrom(now, leaseEnd)}. Any process ` +
      'that provides the step may take it over.'
    : `${activity(facts, info, nameText(name, id), alive)} ${leaseText(facts, leaseEnd, alive)}`;
  return { code: 'HELD_BY', text, until: leaseEnd, process: { id, name, alive } };
}

function activity(
  { record, now }: JobFacts,
  info: ProcessInfo | undefined,
  name: string,
  alive: boolean | null,
): string {
  const { gid, stepIndex, stepName, attempts } = record;
  const step = `step ${stepIndex} ('${stepName}')`;
  const failed = attempts === 0 ? '' : `, after ${attempts} failed`;
  if (alive === false) {
    const last = info
      ? `has told nothing since ${timeFrom(now, info.seenAt)}: it is dead or cut off`
      : 'is not among those that are known: it has gone';
    return `Process ${name}, which holds it at ${step}${failed}, ${last}.`;
  }
  const busy = info?.busy.find((attempt) => attempt.gid === gid);
  if (busy)
    return `Process ${name} runs ${step} since ${timeFrom(now, busy.since)}; it was heard of at ${timeFrom(now, info!.seenAt)}.`;
  const stopping = info?.state === 'stopping' ? ' It is shutting down.' : '';
  return `Process ${name} holds it: it runs ${step}${failed}, or the job waits there for its turn.${stopping}`;
}

function leaseText({ now }: JobFacts, leaseEnd: Date, alive: boolean | null): string {
  const end = timeFrom(now, leaseEnd);
  if (alive) return `It renews its lease, which would end at ${end}, for as long as it lives.`;
  return alive === false
    ? `Its lease ends at ${end}; then another process takes the job over.`
    : `Its lease ends at ${end}, unless it renews it; then another process takes the job over.`;
}

function nameText(name: string | null, id: string): string {
  return name === null ? id : `${name} (${id})`;
}
