import type { LineLogger } from '../../../core/line-logger.js';
import { errorText } from '../../../errors/error-text.js';
import type { AuditStore, NewAuditEntry } from '../../../store/steering/audit-store.js';

/**
 * Writes what was done with a step. It never fails: what was done holds, and somebody who stops a harm must not be told that nothing was
 * done.
 */
export async function noteInAudit(
  audit: AuditStore,
  entry: NewAuditEntry,
  logger: LineLogger,
): Promise<void> {
  try {
    await audit.add(entry);
  } catch (error) {
    logger.error(
      `The audit could not be written: ${entry.action} of the step '${entry.step}': ${errorText(error)}`,
    );
  }
}
