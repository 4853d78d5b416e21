import type { AuditAction } from '../../../core/jobs/job-operations.js';

/** What was done, in words. */
export const AUDIT_TEXT: Readonly<Record<AuditAction, string>> = {
  retry: 'Retried',
  edit: 'Retried with edited arguments',
  cancel: 'Canceled',
  skip: 'Skipped a step',
  pause: 'Paused',
  resume: 'Resumed',
  brake: 'Braked',
  release: 'Released',
};
