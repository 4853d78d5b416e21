import { LineLogger } from '../../../core/line-logger.js';
import { errorText } from '../../../errors/error-text.js';
import type { AuditStore } from '../../../store/steering/audit-store.js';
import { Housekeeping } from '../housekeeping.js';

const DAY_MS = 24 * 3600 * 1000;
export const AUDIT_RETENTION_MS = 90 * DAY_MS;
/** It is not urgent. */
const PERIOD_MS = 3600 * 1000;
const BATCH = 500;
/** What a run leaves is deleted by the next. */
const BATCHES_PER_RUN = 100;

/** Deletes entries of the audit that are older than 90 days. */
export class AuditRetention extends Housekeeping {
  private readonly logger = new LineLogger(AuditRetention.name);
  private reported = false;

  constructor(private readonly audit: AuditStore) {
    super(AUDIT_RETENTION_MS, PERIOD_MS);
  }

  protected override failed(error: unknown): void {
    if (!this.reported) {
      this.logger.warn(`Deleting old entries of the audit failed and is tried again: ${errorText(error)}`);
    }
    this.reported = true;
  }

  protected override async work(): Promise<void> {
    for (let batches = 0; batches < BATCHES_PER_RUN && !this.stopped; batches += 1) {
      if (!(await this.audit.purge(AUDIT_RETENTION_MS, BATCH))) break;
    }
    this.reported = false;
  }
}
