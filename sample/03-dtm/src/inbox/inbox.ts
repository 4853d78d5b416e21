import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ReceivedRequest } from './received-request.entity.js';

/**
 * Does the work of a request once, however often it arrives. It is the receiver of `HttpRequestStep`, whose
 * repetitions have the same key.
 */
@Injectable()
export class Inbox {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The work and the record that it is done are one transaction. A repetition that arrives meanwhile waits for it
   * at the row of the key. If it rolls back, the repetition does the work.
   */
  async once(idempotencyKey: string, work: (manager: EntityManager) => Promise<void>): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      // This comes first: with a SELECT first, two identical requests could both pass. Updating an existing row changes
      // nothing and locks it at once. INSERT IGNORE would make two identical requests deadlock on MariaDB.
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
