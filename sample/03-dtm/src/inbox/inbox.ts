import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ReceivedRequest } from './received-request.entity.js';

/**
 * Does the work of a request once, however often it arrives: the other side of `HttpRequestStep`, whose
 * repetitions have the same key.
 */
@Injectable()
export class Inbox {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The work and the note that it is done are one transaction. A repetition that arrives meanwhile waits for its
   * end at the row of the key, and does the work itself after a rollback.
   */
  async once(idempotencyKey: string, work: (manager: EntityManager) => Promise<void>): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      // First of all, since looking for the row first would let two of a kind pass. The update of a row that is
      // there changes nothing and locks it at once; ignoring the insert would make two of a kind deadlock on MariaDB.
      await manager
        .createQueryBuilder()
        .insert()
        .into(ReceivedRequest)
        .values({ idempotencyKey, timesReceived: 0 })
        .orUpdate(['idempotencyKey'], ['idempotencyKey'])
        .execute();
      await manager.increment(ReceivedRequest, { idempotencyKey }, 'timesReceived', 1);
      const { timesReceived } = await manager.findOneByOrFail(ReceivedRequest, { idempotencyKey });
      if (timesReceived === 1) await work(manager);
    });
  }
}
