import Database from 'better-sqlite3';
import { centralDatabaseIn, tenantDatabaseIn } from '../config/platform.config.js';

export interface TenantRecords {
  readonly name: string;
  readonly turnoverCents: number;
  readonly invoices: readonly { readonly number: string; readonly totalCents: number }[];
  readonly dispatches: readonly { readonly invoiceNumber: string }[];
}

export interface JobRecord {
  /** `<tenant>:<number of the invoice>` */
  readonly gid: string;
  readonly status: string;
}

/** The content of the central database and of the tenants' databases. */
export interface PlatformRecords {
  readonly tenants: readonly TenantRecords[];
  readonly jobs: readonly JobRecord[];
}

/** Reads the files without code of the platform or the library. */
export function readRecords(folder: string): PlatformRecords {
  const central = read(centralDatabaseIn(folder), (all) => ({
    tenants: all<{ name: string; turnoverCents: number }>('SELECT * FROM tenants ORDER BY name'),
    jobs: all<JobRecord>('SELECT gid, status FROM stepping_jobs ORDER BY gid'),
  }));
  const tenants = central.tenants.map((tenant) => ({
    ...tenant,
    ...read(tenantDatabaseIn(folder, tenant.name), (all) => ({
      invoices: all<{ number: string; totalCents: number }>('SELECT number, totalCents FROM invoices'),
      dispatches: all<{ invoiceNumber: string }>('SELECT invoiceNumber FROM dispatches'),
    })),
  }));
  return { tenants, jobs: central.jobs };
}

function read<T>(file: string, look: (all: <Row>(sql: string) => Row[]) => T): T {
  const database = new Database(file, { readonly: true, timeout: 2000 });
  try {
    return look(<Row>(sql: string) => database.prepare<[], Row>(sql).all());
  } finally {
    database.close();
  }
}
