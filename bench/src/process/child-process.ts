import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Commands, ProcessSettings, Progress, Response } from './messages.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
/** Long enough for the slowest contender's largest run. */
const TIMEOUT_MS = 120_000;

/** A contender in a separate process, so that runs share neither heap nor compiled code. */
export class ContenderProcess {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<
    number,
    { resolve: (answer: unknown) => void; reject: (error: Error) => void }
  >();
  private readonly ended: Promise<void>;
  private count = 0;
  /** Steps that have run, as last reported (workers only). */
  progress = 0;
  onProgress: (() => void) | undefined;

  private readonly settings: ProcessSettings;

  constructor(settings: ProcessSettings, nodeArguments: readonly string[] = []) {
    this.settings = settings;
    this.child = fork(CHILD, [JSON.stringify(settings)], {
      execArgv: [...nodeArguments, '--no-deprecation'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    this.child.on('message', (message: Response | Progress) => this.receive(message));
    this.ended = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => {
        const error = new Error(`${settings.contender} ended with ${signal ?? code}.`);
        for (const { reject } of this.waiting.values()) reject(error);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  async ask<C extends keyof Commands>(
    command: C,
    ...params: Commands[C]['params']
  ): Promise<Commands[C]['answer']> {
    const id = (this.count += 1);
    const answer = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.child.send({ id, command, params });
    const timer = setTimeout(() => {
      this.waiting
        .get(id)
        ?.reject(new Error(`${this.settings.contender} did not answer '${command}' in time.`));
    }, TIMEOUT_MS);
    try {
      return (await answer) as Commands[C]['answer'];
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  /** Closes the contender. Resolves when its process and its connections are gone. */
  async close(): Promise<void> {
    await this.ask('close');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(late);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private receive(message: Response | Progress): void {
    if ('progress' in message) {
      this.progress = message.progress;
      this.onProgress?.();
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (message.error !== undefined) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.answer);
  }
}
