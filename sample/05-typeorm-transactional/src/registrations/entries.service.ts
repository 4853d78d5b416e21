import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DistributedJobFactory } from 'nestjs-stepping';
import { Repository } from 'typeorm';
import { Propagation, Transactional } from 'typeorm-transactional';
import { DeliverMessage } from '../messages/steps/deliver-message.step.js';
import { Entry } from './entry.entity.js';

/** Three methods that write a row and start a job. They differ only in their propagation. */
@Injectable()
export class EntriesService {
  constructor(
    @InjectRepository(Entry) private readonly entries: Repository<Entry>,
    private readonly jobs: DistributedJobFactory,
  ) {}

  /** A seat is part of the registration. */
  @Transactional({ propagation: Propagation.REQUIRED })
  async takeSeat(course: string): Promise<void> {
    await this.write(`seat:${course}`);
  }

  /** The audit trail keeps attempts that failed, too. */
  @Transactional({ propagation: Propagation.REQUIRES_NEW })
  async record(course: string): Promise<void> {
    await this.write(`audit:${course}`);
  }

  /** The organizer hears of the interest in a course, whatever the result. */
  @Transactional({ propagation: Propagation.NOT_SUPPORTED })
  async notify(course: string): Promise<void> {
    const id = `notice:${course}`;
    await this.entries.insert({ id });
    // There is no transaction that the job could join, and that has to be said.
    await this.jobs.createJob({ gid: id, transaction: 'none' }).addStep(DeliverMessage, { text: id }).start();
  }

  /** Nothing is passed: the job joins the transaction of the row. */
  private async write(id: string): Promise<void> {
    await this.entries.insert({ id });
    await this.jobs.createJob({ gid: id }).addStep(DeliverMessage, { text: id }).start();
  }
}
