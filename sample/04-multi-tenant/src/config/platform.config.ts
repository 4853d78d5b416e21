import { join, resolve } from 'node:path';
import { Injectable } from '@nestjs/common';

/** When the process dies, for the demonstration: before or after the COMMIT of a tenant's transaction. */
export type DeathMoment = 'before-commit' | 'after-commit';

/** Paths in the folder of a platform. */
export const centralDatabaseIn = (folder: string): string => join(folder, 'central.sqlite');
export const tenantDatabaseIn = (folder: string, tenant: string): string =>
  join(folder, `tenant-${tenant}.sqlite`);

/** The settings of the platform, from environment variables. */
@Injectable()
export class PlatformConfig {
  /** The folder of all databases. */
  readonly dataFolder = resolve(process.env.DATA_FOLDER ?? '.');

  /** `false` for a process that only issues invoices. */
  readonly runSteps = process.env.RUN_STEPS !== 'false';

  readonly dieAt = process.env.DIE_AT as DeathMoment | undefined;
}
