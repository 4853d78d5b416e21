import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Controller, Injectable, Logger, Scope } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  OnSteppingEvent,
  Step,
  UnrecoverableStepError,
  type SteppingEventName,
  type SteppingEvents,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { Order } from '../../support/order.entity.js';
import { ReserveStock, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

type AnyEvent = SteppingEvents[SteppingEventName];

/** Everything that happens in the process. */
@Injectable()
class Audit {
  readonly events: AnyEvent[] = [];

  @OnSteppingEvent(
    ...(['job.started', 'job.succeeded', 'job.failed', 'job.canceled', 'job.taken-over'] as const),
    ...(['attempt.succeeded', 'attempt.failed', 'recovery.stopped', 'recovery.resumed'] as const),
  )
  on(event: AnyEvent): void {
    this.events.push(event);
  }

  of(gid: string): AnyEvent[] {
    return this.events.filter((event) => 'gid' in event && event.gid === gid);
  }

  names(gid: string): string[] {
    return this.of(gid).map(({ event }) => event);
  }
}

const silenced = () => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  return () => error.mock.calls.map(([message]) => String(message));
};

describeManagers('events of a job', (backend, placement) => {
  let databases: Databases;
  let app: TestApplication;
  let audit: Audit;

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    app = await TestApplication.start(databases, {
      providers: [Audit],
      dtm: { retryInterval: '1s' },
      module: { retry: { delay: 10, jitter: false } },
    });
    audit = app.context.get(Audit);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  it('tell its start, each attempt, and each success', async () => {
    silenced();
    app.recording.onExecute = ({ index, attempt }) => {
      if (index === 0 && attempt === 1) throw new Error('not yet');
    };
    const { gid } = await app.dataSource.transaction(async (manager) => {
      await manager.save(Object.assign(new Order(), { id: '1' }));
      const job = app.job({ name: 'placed' });
      await job.start();
      return job;
    });
    await app.ended(gid);
    await waitFor(() => audit.names(gid).filter((name) => name === 'attempt.succeeded').length === 2);
    const [started, failed, first, second] = audit.of(gid).toSorted((one, other) => rank(one) - rank(other));
    expect(started).toEqual({ event: 'job.started', gid, name: 'placed', delayMs: 0 });
    expect(failed).toMatchObject({
      event: 'attempt.failed',
      stepName: 'reserve-stock',
      stepIndex: 0,
      attempt: 1,
    });
    expect((failed as SteppingEvents['attempt.failed']).error).toMatchObject({ message: 'not yet' });
    expect(first).toMatchObject({ event: 'attempt.succeeded', stepName: 'reserve-stock', attempt: 2 });
    expect(second).toMatchObject({
      event: 'attempt.succeeded',
      stepName: 'send-email',
      stepIndex: 1,
      attempt: 1,
    });
    if (app.atDtm) return;
    await waitFor(() => audit.names(gid).includes('job.succeeded'));
    expect(failed).toMatchObject({ nextAttemptInMs: 10 });
  });

  it('do not tell of a job whose transaction is rolled back', async () => {
    let gid = '';
    const rolledBack = app.dataSource.transaction(async () => {
      const job = app.job();
      await job.start();
      gid = job.gid;
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    const other = await app.job({ transaction: 'none' }).start();
    await app.ended(other.gid);
    await waitFor(() => audit.names(other.gid).includes('attempt.succeeded'));
    expect(audit.names(gid)).toEqual([]);
  });
});

function rank({ event, ...rest }: AnyEvent): number {
  const order = ['job.started', 'attempt.failed', 'attempt.succeeded'];
  return (
    order.indexOf(event) * 10 +
    ('stepIndex' in rest ? rest.stepIndex : 0) +
    (event === 'job.succeeded' ? 99 : 0)
  );
}

@Step('unwilling')
class Unwilling {
  execute(): void {
    throw new UnrecoverableStepError('never');
  }
}

/** Gets an instance for each event. */
@Injectable({ scope: Scope.REQUEST })
class PerEvent {
  static instances: PerEvent[] = [];

  @OnSteppingEvent('job.succeeded')
  on(): void {
    PerEvent.instances.push(this);
  }
}

@Controller('audit')
class AuditController {
  readonly seen: string[] = [];

  @OnSteppingEvent('job.succeeded')
  private on({ gid }: SteppingEvents['job.succeeded']): void {
    this.seen.push(gid);
  }
}

class Troublesome {
  @OnSteppingEvent('job.succeeded')
  throws(): void {
    throw new Error('listener is broken');
  }

  @OnSteppingEvent('job.succeeded')
  never(): Promise<void> {
    return new Promise(() => undefined);
  }
}

describeBackends('events in a process', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  let audit: Audit;

  beforeEach(async () => {
    PerEvent.instances = [];
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, {
      providers: [
        Audit,
        PerEvent,
        Unwilling,
        { provide: AuditController, useFactory: () => new AuditController() },
        { provide: 'alias', useExisting: Audit },
        { provide: 'troublesome', useFactory: () => new Troublesome() },
      ],
      selfTm: { gracePeriod: 100 },
    });
    audit = app.context.get(Audit);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  it('tell that a job has failed for good, once it is stored', async () => {
    silenced();
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Unwilling).start();
    await waitFor(() => audit.names(gid).includes('job.failed'));
    expect(await app.admin.find(gid)).toMatchObject({ status: 'failed' });
    expect(audit.of(gid)).toMatchObject([
      { event: 'job.started' },
      { event: 'attempt.failed', attempt: 1, nextAttemptInMs: null },
      { event: 'job.failed', stepName: 'unwilling', stepIndex: 0, attempts: 1, error: { message: 'never' } },
    ]);
  });

  it('tell that a job was canceled', async () => {
    const { gid } = await app.job({ transaction: 'none', delay: '1h' }).start();
    await app.admin.cancel(gid);
    await waitFor(() => audit.names(gid).includes('job.canceled'));
    expect(audit.of(gid)[0]).toMatchObject({ event: 'job.started', delayMs: 3_600_000 });
  });

  it('reach each method once, whatever provides it, and an instance for each event of a request-scoped class', async () => {
    const logged = silenced();
    const started = [];
    for (let at = 0; at < 2; at += 1) started.push(await app.job({ transaction: 'none' }).start());
    for (const { gid } of started) {
      await app.ended(gid);
      await waitFor(() => audit.names(gid).includes('job.succeeded'));
      expect(audit.names(gid).filter((name) => name === 'job.succeeded')).toHaveLength(1);
    }
    await waitFor(() => PerEvent.instances.length === 2);
    expect(new Set(PerEvent.instances).size).toBe(2);
    expect(app.context.get(AuditController).seen.toSorted()).toEqual(
      started.map(({ gid }) => gid).toSorted(),
    );
    await waitFor(
      () => logged().filter((line) => line.includes('has not settled within 100 ms')).length === 2,
    );
    expect(logged().filter((line) => line.includes('Troublesome.throws failed'))).toHaveLength(2);
  });

  it('go out on diagnostics channels', async () => {
    const published: unknown[] = [];
    const listener = (message: unknown) => void published.push(message);
    subscribe('stepping:attempt.succeeded', listener);
    try {
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '1' })
        .start();
      await waitFor(() => published.length === 2);
      expect(published).toMatchObject([
        { event: 'attempt.succeeded', gid, stepIndex: 0 },
        { event: 'attempt.succeeded', gid, stepIndex: 1 },
      ]);
    } finally {
      unsubscribe('stepping:attempt.succeeded', listener);
    }
  });

  it('refuse a name that is none', () => {
    expect(() => OnSteppingEvent('job.done' as never)).toThrow(InvalidOptionError);
  });
});
