import { ConflictException, Injectable } from '@nestjs/common';
import { DistributedJobFactory } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { BOOK_CARRIER, PRINT_LABEL, type ParcelArguments } from '../shipping/shipping-steps.js';
import type { RegisterParcelDto } from './dto/register-parcel.dto.js';
import { Parcel } from './parcel.entity.js';

@Injectable()
export class ParcelsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly jobs: DistributedJobFactory,
  ) {}

  /** Stores the parcel and starts its job: both, or neither. Its steps are added by name, because only workers provide them. */
  async register(dto: RegisterParcelDto): Promise<void> {
    const args: ParcelArguments = { parcelNumber: dto.number };
    await this.dataSource.transaction(async (manager) => {
      if (await manager.existsBy(Parcel, { number: dto.number })) {
        throw new ConflictException(`There is a parcel ${dto.number} already`);
      }
      await manager.insert(Parcel, dto);
      await this.jobs
        .createJob({ gid: `parcel:${dto.number}` })
        .addStep(BOOK_CARRIER, args)
        .addStep(PRINT_LABEL, args)
        .start();
    });
  }
}
