import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Provider } from '@nestjs/common';
import { TestApplication } from '../../../support/application.js';
import { Databases, type Placement } from '../../../support/placements.js';
import { describeBackends, type Backend } from '../../../support/database.js';
import { means, type AloneFates, type Fate, type InsideFates, type PropagationFates } from './fates.js';
import { Scene, type TransactionLibrary, type Written } from './scene.js';

export interface PropagationSuite {
  readonly title: string;
  readonly placements?: readonly Placement[];
  readonly providers?: Provider[];
  readonly open: (app: TestApplication) => Promise<TransactionLibrary>;
  readonly fates: (backend: Backend, placement: Placement) => Record<string, PropagationFates>;
  /** What the library says when it refuses to call a method. */
  readonly refusal: RegExp;
  readonly more?: (scene: () => Scene, backend: Backend) => void;
}

const failure = new Error('no');

/** What a promise is rejected with; undefined when it is not. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** One test for every propagation of a library, way to call a method, and ending. */
export function describePropagation(suite: PropagationSuite): void {
  for (const placement of suite.placements ?? ['one', 'two']) {
    const where = placement === 'one' ? 'the same' : 'another';
    describeBackends(`${suite.title} (jobs in ${where} database)`, (backend) => {
      let databases: Databases;
      let app: TestApplication;
      let scene: Scene;

      beforeAll(async () => {
        databases = await Databases.create(backend, placement);
        app = await TestApplication.start(databases, { providers: suite.providers ?? [] });
        scene = new Scene(app, databases, await suite.open(app));
      });
      afterAll(async () => {
        await scene?.library.close();
        await app?.close();
        await databases?.drop();
      });

      /** Whether `error` is the one by which a method of this fate must end. */
      function expectError(error: unknown, fate: Fate, throws: boolean): void {
        if (fate === 'not called') expect(String(error)).toMatch(suite.refusal);
        else if (fate.endsWith('job refused')) {
          expect(error).toMatchObject({ code: 'STEPPING_STANDALONE_JOB_IN_TRANSACTION' });
        } else expect(error).toBe(throws ? failure : undefined);
      }

      async function callAlone(
        { propagation, transaction }: Called,
        ending: keyof AloneFates,
        fate: Fate,
      ): Promise<void> {
        const written: Written = {};
        const call = scene.library.run(propagation, async () => {
          await scene.write(written, transaction);
          if (ending === 'throws') throw failure;
        });
        expectError(await rejection(call), fate, ending === 'throws');
        await scene.expectFates([written, fate]);
      }

      /** The caller writes and starts something of its own, before the call and after it. */
      async function callInside(
        { propagation, transaction }: Called,
        ending: keyof InsideFates,
        fate: Fate,
      ): Promise<void> {
        const through = ending === 'throws through the caller';
        const commits = ending.endsWith('commits');
        const [before, written, after]: Written[] = [{}, {}, {}];
        let thrown: unknown;
        const call = scene.library.run('REQUIRED', async () => {
          await scene.write(before!);
          const inner = scene.library.run(propagation, async () => {
            await scene.write(written!, transaction);
            if (ending.startsWith('throws')) throw failure;
          });
          thrown = await rejection(inner);
          if (through) throw thrown;
          await scene.write(after!);
          if (!commits) throw failure;
        });
        const outcome = await rejection(call);
        expectError(thrown, fate, ending.startsWith('throws'));
        expect(outcome).toBe(commits ? undefined : through ? thrown : failure);
        await scene.expectFates(
          [before!, commits ? 'kept' : 'gone'],
          [written!, fate],
          [after!, through ? 'not called' : commits ? 'kept' : 'gone'],
        );
      }

      describe.each(Object.entries(suite.fates(backend, placement)))('%s', (title, fates) => {
        const called = { propagation: fates.propagation ?? title, transaction: fates.transaction };
        it.each(Object.entries(fates.alone) as [keyof AloneFates, Fate][])('alone, %s: %s', (ending, fate) =>
          callAlone(called, ending, fate),
        );
        const reason = fates.because ? ` (${fates.because})` : '';
        it.each(Object.entries(fates.inside) as [keyof InsideFates, Fate][])(
          `in a transaction, %s: %s${reason}`,
          (ending, fate) => callInside(called, ending, fate),
        );
      });

      it('keeps methods apart that run at once: each job follows its own', async () => {
        const all = Array.from({ length: 6 }, (): Written => ({}));
        await Promise.all(
          all.map((written, index) =>
            rejection(
              scene.library.run('REQUIRED', async () => {
                await scene.write(written);
                if (index % 2) throw failure;
              }),
            ),
          ),
        );
        await scene.expectFates(
          ...all.map((written, index) => [written, index % 2 ? 'gone' : 'kept'] as const),
        );
      });

      const separate = backend === 'sqlite' ? means.savepoint : means.separate;
      const fate = separate['returns, the caller rolls back'];
      it(`REQUIRED does not join a dataSource.transaction(), which the library does not know: ${fate}`, async () => {
        const written: Written = {};
        const call = app.dataSource.transaction(async () => {
          await scene.library.run('REQUIRED', () => scene.write(written));
          throw failure;
        });
        expect(await rejection(call)).toBe(failure);
        await scene.expectFates([written, fate]);
      });

      suite.more?.(() => scene, backend);
    });
  }
}

interface Called {
  readonly propagation: string;
  readonly transaction: 'none' | undefined;
}
