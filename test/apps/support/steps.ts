import { existsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { Effect } from '../../support/order.entity.js';
import { tell } from './tell.js';

/** What a step of a test is to do, beside reporting itself. */
export interface Behaviour {
  /** Kills its process. */
  readonly die?: boolean;
  /** Holds the event loop for so many milliseconds. */
  readonly block?: number;
  /** Holds the event loop until there is a file of this name. */
  readonly blockUntil?: string;
  /** Waits for so many milliseconds, or until the test says `release`; a signal does not wake it. */
  readonly wait?: number | 'release';
  /** Fails until there is a file of this name. */
  readonly failUntil?: string;
  /** Applies in the process with this name only: the job of a process that died must run in the next one. */
  readonly only?: string;
}

/** What the test has told this process's steps. */
export class Releases {
  private released = false;
  private waiting: (() => void)[] = [];

  release(): void {
    this.released = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  async wait(): Promise<void> {
    if (!this.released) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

export const releases = new Releases();
export const processName = process.env.WORKER_NAME ?? 'worker';

async function behave(args: Behaviour | undefined, context: Omit<StepContext, 'manager'>): Promise<void> {
  const { gid, stepName: step, stepIndex: index, attempt } = context;
  const seen = { process: processName, gid, step, index, attempt };
  tell({ type: 'begin', ...seen });
  context.signal.addEventListener('abort', () => {
    tell({ type: 'abort', ...seen, reason: (context.signal.reason as Error).name });
  });
  if (!args || (args.only !== undefined && args.only !== processName)) return tell({ type: 'end', ...seen });

  if (args.die) process.kill(process.pid, 'SIGKILL');
  if (args.block !== undefined) {
    // Back from a file, the loop is in its poll phase: what is written next goes out before any timer runs.
    await readFile('/dev/null');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, args.block);
  }
  if (args.blockUntil !== undefined) {
    await readFile('/dev/null');
    while (!existsSync(args.blockUntil)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
  if (args.failUntil !== undefined && !existsSync(args.failUntil)) throw new Error('the provider is away');
  if (args.wait === 'release') await releases.wait();
  else if (args.wait !== undefined) await sleep(args.wait);
  tell({ type: 'end', ...seen });
}

@Step('reserve-stock')
export class ReserveStock implements StepHandler<Behaviour> {
  execute(args: Behaviour, context: StepContext): Promise<void> {
    return behave(args, context);
  }
}

@Step('send-email')
export class SendEmail implements StepHandler<Behaviour> {
  execute(args: Behaviour, context: StepContext): Promise<void> {
    return behave(args, context);
  }
}

/** Two attempts, without a noticeable wait. */
@Step({ name: 'twice', retry: { delay: 5, maxDelay: 5, jitter: false, maxAttempts: 2 } })
export class Twice implements StepHandler<Behaviour> {
  execute(args: Behaviour, context: StepContext): Promise<void> {
    return behave(args, context);
  }
}

/** One attempt. */
@Step({ name: 'once', retry: { maxAttempts: 1 } })
export class Once implements StepHandler<Behaviour> {
  execute(args: Behaviour, context: StepContext): Promise<void> {
    return behave(args, context);
  }
}

/** Like `BusinessEffect`, with one attempt. */
@Step({ name: 'effect-once', transactional: { dataSource: 'default' }, retry: { maxAttempts: 1 } })
export class EffectOnce implements StepHandler<Behaviour> {
  async execute(args: Behaviour, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.insert(Effect, { id: randomUUID(), key: context.idempotencyKey });
    await behave(args, context);
  }
}

/** Writes one row per execution that commits, beside the orders. */
@Step({ name: 'business-effect', transactional: { dataSource: 'default' } })
export class BusinessEffect implements StepHandler<Behaviour> {
  async execute(args: Behaviour, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.insert(Effect, { id: randomUUID(), key: context.idempotencyKey });
    await behave(args, context);
  }
}

export const stepClasses = [ReserveStock, SendEmail, Twice, Once, EffectOnce, BusinessEffect];
export const stepsByName = {
  'reserve-stock': ReserveStock,
  'send-email': SendEmail,
  twice: Twice,
  once: Once,
  'effect-once': EffectOnce,
  'business-effect': BusinessEffect,
} as const;
