import { setFaultHook, type FaultHook, type FaultPoint } from '../core/jobs/fault-point.js';

/** The one crash that a test has asked for. The hook is there only as long as that has not come. */
export class PlannedCrash {
  private former: FaultHook | undefined;
  private hooked = false;

  /** @param onPoint called at the point, for every job; true when this is the crash, which is then over. */
  plan(point: FaultPoint, onPoint: (gid: string) => boolean, crash: FaultHook): void {
    this.forget();
    this.hooked = true;
    this.former = setFaultHook((reached, gid) => {
      if (reached !== point || !onPoint(gid)) return this.former?.(reached, gid);
      this.forget();
      return crash(reached, gid);
    });
  }

  forget(): void {
    if (!this.hooked) return;
    this.hooked = false;
    setFaultHook(this.former);
    this.former = undefined;
  }
}
