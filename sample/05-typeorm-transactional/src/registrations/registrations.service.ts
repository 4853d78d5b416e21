import { ConflictException, Injectable } from '@nestjs/common';
import { Transactional } from 'typeorm-transactional';
import { EntriesService } from './entries.service.js';

@Injectable()
export class RegistrationsService {
  constructor(private readonly entries: EntriesService) {}

  /** Calls the three methods. If the course is full, it throws after all of them have returned. */
  @Transactional()
  async register(course: string, full: boolean): Promise<void> {
    await this.entries.takeSeat(course);
    await this.entries.record(course);
    await this.entries.notify(course);
    if (full) throw new ConflictException(`The course ${course} is full`);
  }
}
