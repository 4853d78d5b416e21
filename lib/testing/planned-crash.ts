import { setFaultHook, type FaultHook, type FaultPoint } from '../core/fault-point.js';

interface Plan {
  readonly point: FaultPoint;
  /** Whether the crash comes in this job. */
  readonly appliesTo: (gid: string) => boolean;
  readonly crash: () => Promise<void>;
}

/** Of the whole process, where several applications may be under test: there is one hook for all of them. */
const plans = new Map<PlannedCrash, Plan>();
let former: FaultHook | undefined;

/** The one crash that a test has asked for. The hook is there only as long as a crash is still to come. */
export class PlannedCrash {
  plan(plan: Plan): void {
    if (plans.size === 0) former = setFaultHook(reach);
    plans.set(this, plan);
  }

  forget(): void {
    if (plans.delete(this) && plans.size === 0) setFaultHook(former);
  }
}

function reach(point: FaultPoint, gid: string): void | Promise<void> {
  for (const [planned, plan] of plans) {
    if (plan.point !== point || !plan.appliesTo(gid)) continue;
    planned.forget();
    return plan.crash();
  }
  return former?.(point, gid);
}
