import { checkAuditFilter } from '../../../core/jobs/steering-options.js';
import type { AuditEntry, AuditFilter, AuditPage } from '../../../core/jobs/job-operations.js';
import { readDetail } from '../../../core/payloads/audit-details.js';
import { untilPatienceEnds, type Payloads } from '../../../core/payloads/payloads.js';
import type {
  AuditQuery,
  AuditRecord,
  AuditStore,
  SizedAuditEntry,
} from '../../../store/steering/audit-store.js';

/** What was done by hand, for whoever reads it. */
export class AuditLog {
  constructor(
    private readonly audit: AuditStore,
    private readonly payloads: Payloads,
  ) {}

  /** @param maxBytes of the details of a page. It has one entry at least, however large. */
  async read(filter: AuditFilter, maxBytes: number): Promise<AuditPage> {
    const { cursor, limit, ...conditions } = checkAuditFilter(filter);
    const query = Object.fromEntries(
      Object.entries({ ...conditions, before: cursor }).filter(([, value]) => value !== undefined),
    ) as Omit<AuditQuery, 'limit'>;
    const found = await this.audit.sizes({ ...query, limit });
    const page = fittingOf(found.slice(0, limit), maxBytes);
    if (page.length === 0) return { entries: [] };
    // Not those that have been written since.
    const before = String(Number(page[0]!.id) + 1);
    const records = await this.audit.list({ ...query, before, limit: page.length });
    const until = untilPatienceEnds();
    const entries: AuditEntry[] = [];
    for (const record of records) entries.push(await this.entryOf(record, until));
    return found.length > page.length ? { entries, cursor: page.at(-1)!.id } : { entries };
  }

  private async entryOf({ detail: stored, ...entry }: AuditRecord, until: number): Promise<AuditEntry> {
    if (stored === null) return entry;
    const detail = await readDetail(this.payloads, entry.gid, stored, until);
    return detail === undefined ? entry : { ...entry, detail };
  }
}

/** So many of the first as have room together. */
function fittingOf(entries: readonly SizedAuditEntry[], maxBytes: number): readonly SizedAuditEntry[] {
  let bytes = 0;
  const end = entries.findIndex(({ size }, at) => (bytes += size) > maxBytes && at > 0);
  return end === -1 ? entries : entries.slice(0, end);
}
