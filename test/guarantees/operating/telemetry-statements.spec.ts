import { trace } from '@opentelemetry/api';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { SteppingTelemetryModule } from '../../../lib/opentelemetry/index.js';
import { TestApplication, type ApplicationOptions } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { expectNeverRan } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';
import { StatementLog } from '../../support/statement-log.js';
import { Ping, WriteEffect } from '../../support/steps.js';
import { Telemetry } from '../../support/telemetry.js';

describeBackends(
  'statements of traced jobs',
  (backend) => {
    let telemetry: Telemetry;
    let databases: Databases;
    let app: TestApplication | undefined;

    const start = async (options: ApplicationOptions = {}): Promise<TestApplication> =>
      (app = await TestApplication.start(databases, options));
    const traced = { imports: [SteppingTelemetryModule.forRoot()] };

    // It sees TypeORM load the driver, which happens with the first DataSource only.
    const instrumentation = new PgInstrumentation({
      requireParentSpan: true,
      // It sends copies of the driver's query objects then.
      addSqlCommenterCommentToQueries: true,
    });
    beforeEach(async () => {
      telemetry = Telemetry.start();
      instrumentation.setTracerProvider(trace.getTracerProvider());
      databases = await Databases.create(backend, 'one');
    });
    afterEach(async () => {
      await app?.close();
      app = undefined;
      await telemetry.stop();
      await databases.drop();
    });
    afterAll(() => instrumentation.disable());

    const textsBelow = (span: ReadableSpan): string[] =>
      telemetry
        .below(span)
        .map(({ attributes }) => attributes['db.query.text'] ?? attributes['db.statement'])
        .filter((text) => text !== undefined)
        .map((text) => String(text).trim().split(/\s/)[0]!);

    it('are below the step whose transaction they belong to', async () => {
      const application = await start(traced);
      const { gid } = await application.jobs
        .createJob({ transaction: 'none' })
        .addStep(WriteEffect, { orderId: 'o' })
        .start();
      await application.ended(gid);
      const [step] = await telemetry.named(gid, 'process write-effect');
      expect(textsBelow(step!)).toEqual(['START', 'INSERT', 'UPDATE', 'COMMIT']);
    });

    it('go with the COMMIT all the same, which rolls back with them', async () => {
      const application = await start(traced);
      const insert = (id: string, fail = false): Promise<string> =>
        trace.getTracer('application').startActiveSpan(id, async (span) => {
          try {
            return await application.dataSource.transaction(async (manager) => {
              await manager.insert(Order, { id });
              const { gid } = await application.jobs.createJob().addStep(Ping).start();
              if (fail) throw Object.assign(new Error('no'), { gid });
              return gid;
            });
          } finally {
            span.end();
          }
        });
      // The first job of a connection asks it something first.
      await application.ended(await insert('first'));
      const gid = await insert('second');
      expect((await application.ended(gid)).status).toBe('succeeded');
      const caller = telemetry.spans.find(({ name }) => name === 'second')!;
      const [sent] = await telemetry.named(gid, 'start ping');
      expect(textsBelow(caller)).toEqual(['START', 'INSERT', 'INSERT']);
      expect(textsBelow(sent!)).toEqual([]);
      const batch = telemetry.below(caller).at(-1)!;
      expect(String(batch.attributes['db.statement'] ?? batch.attributes['db.query.text'])).toMatch(
        /trace\).*COMMIT$/s,
      );

      const gone = await insert('third', true).catch((error: { gid: string }) => error.gid);
      await expectNeverRan(application, gone);
    });

    it('name no trace, and have no parameter for one, without the module', async () => {
      const application = await start();
      const log = new StatementLog();
      try {
        const gid = await trace.getTracer('application').startActiveSpan('request', async (span) => {
          const started = await application.dataSource.transaction(
            async () => (await application.jobs.createJob().addStep(Ping).start()).gid,
          );
          span.end();
          return started;
        });
        const alone = await application.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
        for (const id of [gid, alone.gid]) await application.ended(id);
        const inserts = log.statements
          .map(({ sql }) => sql)
          .filter((sql) => /^INSERT INTO .*stepping_jobs/.test(sql));
        expect(inserts).toHaveLength(2);
        for (const sql of inserts) {
          expect(sql).not.toMatch(/\btrace\b/);
          expect(sql).toContain('$8');
          expect(sql).not.toContain('$9');
        }
      } finally {
        log.close();
      }
      expect(telemetry.spans.map(({ name }) => name)).not.toContain('start ping');
    });
  },
  ['postgres'],
);
