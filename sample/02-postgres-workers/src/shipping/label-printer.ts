import { setTimeout as wait } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { StepContext } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { DepotConfig } from '../config/depot.config.js';
import { LabelRun } from './label-run.entity.js';
import { PrinterOutage } from './printer-outage.entity.js';

export class PrinterOutOfOrderError extends Error {
  override readonly name = 'PrinterOutOfOrderError';
}

/** A slow device outside every transaction. Its log records every run, finished or not. */
@Injectable()
export class LabelPrinter {
  constructor(
    private readonly dataSource: DataSource,
    private readonly config: DepotConfig,
  ) {}

  async print(parcelNumber: string, { idempotencyKey, attempt, signal }: StepContext): Promise<void> {
    const { manager } = this.dataSource;
    const [outage] = await manager.find(PrinterOutage);
    if (outage) throw new PrinterOutOfOrderError(`The printer is out of order: ${outage.reason}`);
    const run = { parcelNumber, idempotencyKey, attempt, pid: process.pid };
    const { identifiers } = await manager.insert(LabelRun, run);
    await wait(this.config.printingTime, undefined, { signal });
    await manager.update(LabelRun, identifiers[0]!, { finishedAt: () => 'clock_timestamp()' });
  }
}
