/**
 * Shifts this process's clock by `CLOCK_OFFSET_MS`, as if the host's were wrong. It must be imported before
 * anything that takes a reference to `Date.now`.
 */
const offset = Number(process.env.CLOCK_OFFSET_MS ?? 0);

if (offset !== 0) {
  const RealDate = Date;
  const now = (): number => RealDate.now() + offset;
  class ShiftedDate extends RealDate {
    constructor(...args: unknown[]) {
      if (args.length === 0) super(now());
      else super(...(args as []));
    }
    static override now(): number {
      return now();
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor;
}
