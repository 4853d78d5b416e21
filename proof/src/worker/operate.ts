import type { DistributedJobs, SteppingOperations } from 'nestjs-stepping';
import type { OperatorAction, OperatorAnswer, OperatorOrder } from '../operator-call.js';
import type { EffectLog } from './effects.js';
import { tell } from './tell.js';

/** What an operator of the application has at hand. */
export interface OperatorTools {
  readonly jobs: DistributedJobs;
  readonly operations: SteppingOperations;
  readonly effects: EffectLog;
}

/** Errors that say that nothing was done. */
const REFUSALS = new Set(['JobStateError', 'JobNotFoundError', 'UnresolvedTransactionError']);
const NOTE = { reason: 'the proof', by: 'operator' };

/** Carries the order out, and tells when it begins and what came of it. */
export async function operate({ id, action }: OperatorOrder, tools: OperatorTools): Promise<void> {
  tell({ type: 'operating', id, answer: { asked: await tools.effects.now() } });
  const answer = await carryOut(action, tools).then(
    (result): OperatorAnswer => ({ outcome: 'done', ...result }),
    (error: unknown): OperatorAnswer => {
      const { name } = error as Error;
      return { outcome: REFUSALS.has(name) ? 'refused' : 'unknown', error: name };
    },
  );
  tell({ type: 'operated', id, answer: { ...answer, answered: await tools.effects.now() } });
}

async function carryOut(
  action: OperatorAction,
  { jobs, operations }: OperatorTools,
): Promise<OperatorAnswer | undefined> {
  switch (action.do) {
    case 'pause':
      await operations.pause(action.step, NOTE);
      return undefined;
    case 'resume':
      await operations.resume(action.step, NOTE);
      return undefined;
    case 'skip': {
      await jobs.skip(action.gid, { step: action.step, ...NOTE });
      const job = await jobs.find(action.gid);
      return { step: job!.steps[action.step]!.status };
    }
    case 'edit':
      await jobs.retry(action.gid, { args: action.args, ...NOTE });
      return undefined;
    case 'retry':
    case 'cancel':
      await jobs[action.do](action.gid, NOTE);
      return undefined;
    case 'retryAll': {
      const { changed } = await jobs.retryAll(action.filter, { spread: action.spread, ...NOTE });
      return { changed };
    }
    case 'cancelAll': {
      const { changed } = await jobs.cancelAll(action.filter, { limit: action.limit, ...NOTE });
      return { changed };
    }
  }
}
