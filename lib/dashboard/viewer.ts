import type { DashboardAction } from './api.js';
import { forbidden } from './dashboard.errors.js';

/** Whoever sends a request, as far as the dashboard knows. */
export interface Viewer {
  /** Who, as the audit will say it; `null` where nobody tells. */
  readonly actor: string | null;
  /** What they may do; nothing: they only read. */
  readonly actions: readonly DashboardAction[];
}

/** @throws DashboardRequestError for somebody who may not do it. */
export function demand({ actions }: Viewer, action: DashboardAction): void {
  if (!actions.includes(action)) throw forbidden(`You are not allowed to ${action} here.`);
}
