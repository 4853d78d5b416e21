import { expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import type { AppProcess } from '../../support/child-process.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { waitFor } from '../../support/wait-for.js';
import { startWorker, stepMessages, workerReady } from '../../support/worker.js';

const SETTINGS = { leaseDuration: 1000, recoveryInterval: 100, queryPreparedAfter: 1000 };

interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** A span, as the worker of the tests tells it. */
interface ToldSpan extends SpanIds {
  readonly name: string;
  readonly parent?: string;
  readonly links: readonly SpanIds[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

async function toldSpan(process: AppProcess, name: string): Promise<ToldSpan> {
  const find = () =>
    process.messages.find((message) => message.type === 'span' && message.name === name) as
      ToldSpan | undefined;
  return waitFor(find, { message: () => `a span ${name}\n${process.log}` });
}

describeManagers(
  'traces over processes',
  (backend, placement) => {
    it('lead from the process that runs a step after a kill to the start in the one that was killed', async () => {
      const databases = await Databases.create(backend, placement);
      // It makes the tables.
      await (await TestApplication.start(databases, { selfTm: SETTINGS })).close();
      const workers: AppProcess[] = [];
      const worker = async (name: string): Promise<AppProcess> => {
        const place = await databases.dtmPlace();
        const dtm = { retryInterval: '1s', requestTimeout: '2s' } as const;
        const started = startWorker(databases, { name, selfTm: SETTINGS, place, dtm, telemetry: {} });
        workers.push(started);
        return workerReady(started);
      };
      try {
        const starter = await worker('starter');
        const hanging = { only: 'starter', wait: 'release' } as const;
        starter.send({ start: { gid: 'traced', steps: [['reserve-stock', hanging], ['send-email']] } });
        await waitFor(() => stepMessages(starter, 'traced').length > 0);
        const { traceId, spanId } = await toldSpan(starter, 'start reserve-stock');
        await starter.kill('SIGKILL');

        const other = await worker('other');
        for (const [index, step] of ['reserve-stock', 'send-email'].entries()) {
          const span = await toldSpan(other, `process ${step}`);
          expect(span.attributes).toMatchObject({
            'messaging.message.id': 'traced',
            'stepping.step.index': index,
          });
          expect(span.links).toEqual([{ traceId, spanId }]);
          expect(span.parent).toBeUndefined();
        }
      } finally {
        for (const started of workers) await started.kill('SIGKILL');
        await databases.drop();
      }
    });
  },
  { atDtm: ['postgres'] },
);
