import { Writable } from 'node:stream';
import type { EntityManager } from 'typeorm';
import { beforeAll, expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { describePlacements } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';

/** More than any driver reads ahead. */
const ROWS = 500;

describePlacements(
  'a stream that is read in the transaction of its jobs',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));
    beforeAll(async () => {
      const orders = Array.from({ length: ROWS }, (_, at) => ({ id: `order-${at}` }));
      await app.dataSource.getRepository(Order).insert(orders);
    });

    const stream = (manager: EntityManager) => manager.createQueryBuilder(Order, 'o').stream();

    it.each([
      ['the first job of the transaction', false, undefined],
      ['a later one', true, undefined],
      ['one with a gid of its own', true, `of-my-own-${placement}`],
    ])('is refused at once: %s', async (_, isLater, gid) => {
      const gids: string[] = [];
      const started = async (): Promise<void> => {
        const job = app.jobs.createJob(gid === undefined ? {} : { gid: `${gid}-${gids.length}` });
        gids.push(job.gid);
        await job.addStep(Ping).start();
      };
      await expect(
        app.dataSource.transaction(async (manager) => {
          if (isLater) await started();
          for await (const row of await stream(manager)) if (row) await started();
        }),
      ).rejects.toMatchObject({
        code: 'STEPPING_CONNECTION_STREAMING',
        message: expect.stringMatching(/in pages .* query runner of its own/),
      });
      expect(gids).toHaveLength(isLater ? 2 : 1);
      await expectNeverRan(app, ...gids);
    });

    it('takes jobs before it and after it, and beside it on another connection', async () => {
      const gids: string[] = [];
      const started = async (): Promise<void> => {
        gids.push((await app.jobs.createJob().addStep(Ping).start()).gid);
      };
      const beside = app.dataSource.createQueryRunner();
      await app.dataSource.transaction(async (manager) => {
        await started();
        let count = 0;
        for await (const row of await stream(manager)) if (row) count += 1;
        expect(count).toBe(ROWS);
        await started();
        for await (const row of await stream(beside.manager)) {
          if (row && gids.length < 10) await started();
        }
      });
      await beside.release();
      for (const gid of gids) await expectRanOnce(app, gid);
    });
  },
  ['postgres', 'mariadb'],
);

/** What `pg-copy-streams` makes of COPY FROM STDIN. */
class CopyFrom extends Writable {
  private protocol: any;
  private done: () => void = () => undefined;

  constructor(private readonly sql: string) {
    super();
  }
  submit(protocol: any): void {
    this.protocol = protocol;
    protocol.query(this.sql);
  }
  override _write(chunk: Buffer, _encoding: string, written: () => void): void {
    this.protocol.sendCopyFromChunk(chunk);
    written();
  }
  override _final(done: () => void): void {
    this.done = done;
    this.protocol.endCopyFrom();
  }
  handleCopyInResponse(): void {}
  handleCommandComplete(): void {}
  handleReadyForQuery(): void {
    this.done();
  }
  handleError(error: Error): void {
    this.destroy(error);
  }
}

describePlacements(
  'a COPY in the transaction of its jobs',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));

    it('lets no job start before it has ended', async () => {
      const { gid } = await app.dataSource.transaction(async (manager) => {
        const client: any = await manager.queryRunner!.connect();
        const copy: CopyFrom = client.query(new CopyFrom('COPY orders (id) FROM STDIN'));
        copy.write(`copied-${placement}\n`);
        await expect(app.jobs.createJob().addStep(Ping).start()).rejects.toMatchObject({
          code: 'STEPPING_CONNECTION_STREAMING',
        });
        await new Promise<void>((resolve) => copy.end(resolve));
        return app.jobs.createJob().addStep(Ping).start();
      });
      await expectRanOnce(app, gid);
      expect(await app.dataSource.getRepository(Order).countBy({ id: `copied-${placement}` })).toBe(1);
    });
  },
  ['postgres'],
);
