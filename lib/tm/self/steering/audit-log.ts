import { checkAuditFilter } from '../../../core/jobs/steering-options.js';
import type { AuditEntry, AuditFilter, AuditPage } from '../../../core/jobs/job-operations.js';
import { readDetail } from '../../../core/payloads/audit-details.js';
import { untilPatienceEnds, type Payloads } from '../../../core/payloads/payloads.js';
import type { AuditQuery, AuditRecord, AuditStore } from '../../../store/steering/audit-store.js';

/** What was done by hand, for whoever reads it. */
export class AuditLog {
  constructor(
    private readonly audit: AuditStore,
    private readonly payloads: Payloads,
  ) {}

  async read(filter: AuditFilter): Promise<AuditPage> {
    const { cursor, limit, ...conditions } = checkAuditFilter(filter);
    const query = Object.fromEntries(
      Object.entries({ ...conditions, before: cursor }).filter(([, value]) => value !== undefined),
    ) as Omit<AuditQuery, 'limit'>;
    const records = await this.audit.list({ ...query, limit });
    const until = untilPatienceEnds();
    const entries: AuditEntry[] = [];
    for (const record of records.slice(0, limit)) entries.push(await this.entryOf(record, until));
    return records.length > limit ? { entries, cursor: entries.at(-1)!.id } : { entries };
  }

  private async entryOf({ detail: stored, ...entry }: AuditRecord, until: number): Promise<AuditEntry> {
    if (stored === null) return entry;
    const detail = await readDetail(this.payloads, entry.gid, stored, until);
    return detail === undefined ? entry : { ...entry, detail };
  }
}
