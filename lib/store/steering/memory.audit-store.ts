import {
  AuditStore,
  type AuditQuery,
  type AuditRecord,
  type NewAuditEntry,
  type SizedAuditEntry,
} from './audit-store.js';

/**
 * Keeps the audit in memory.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class MemoryAuditStore extends AuditStore {
  private entries: AuditRecord[] = [];
  private last = 0;

  constructor(
    /** Epoch milliseconds. */
    private readonly now: () => number = Date.now,
  ) {
    super();
  }

  override async add(entry: NewAuditEntry): Promise<string> {
    this.last += 1;
    const id = String(this.last);
    this.entries.push({ ...entry, id, at: new Date(this.now()) });
    return id;
  }

  async addCount(id: string, count: number): Promise<void> {
    this.entries = this.entries.map((entry) =>
      entry.id === id ? { ...entry, count: entry.count + count } : entry,
    );
  }

  override async sizes({ limit, ...query }: AuditQuery): Promise<SizedAuditEntry[]> {
    const entries = await this.list({ ...query, limit: limit + 1 });
    return entries.map(({ id, detail }) => ({ id, size: Buffer.byteLength(detail ?? '') }));
  }

  override async list({ gid, step, action, by, before, limit }: AuditQuery): Promise<AuditRecord[]> {
    return this.entries
      .filter((entry) => gid === undefined || entry.gid === gid)
      .filter((entry) => step === undefined || entry.step === step)
      .filter((entry) => action === undefined || entry.action === action)
      .filter((entry) => by === undefined || entry.by === by)
      .filter((entry) => before === undefined || Number(entry.id) < Number(before))
      .reverse()
      .slice(0, limit);
  }

  override async purge(retention: number, limit: number): Promise<boolean> {
    const over = this.now() - retention;
    const expired = this.entries.slice(0, limit).filter(({ at }) => at.getTime() <= over);
    this.entries = this.entries.filter((entry) => !expired.includes(entry));
    return expired.length > 0;
  }

  override async forget(gids: readonly string[]): Promise<void> {
    const purged = new Set<string | null>(gids);
    this.entries = this.entries.map((entry) => (purged.has(entry.gid) ? { ...entry, detail: null } : entry));
  }
}
