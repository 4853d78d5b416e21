/**
 * Shifts this process's clock by `CLOCK_OFFSET_MS`, and lets it jump back and forth by `CLOCK_JUMP_MS` every
 * second. Must be imported before anything that keeps a reference to `Date`.
 */
const RealDate = Date;
const offset = Number(process.env.CLOCK_OFFSET_MS ?? 0);
const jump = Number(process.env.CLOCK_JUMP_MS ?? 0);

/** The host's real time, regardless of the shifted clock. */
export function realNow(): number {
  return RealDate.now();
}

if (offset !== 0 || jump !== 0) {
  const now = (): number => {
    const real = RealDate.now();
    return real + offset + (Math.floor(real / 1000) % 2) * jump;
  };
  class WrongDate extends RealDate {
    constructor(...args: unknown[]) {
      if (args.length === 0) super(now());
      else super(...(args as []));
    }
    static override now(): number {
      return now();
    }
  }
  globalThis.Date = WrongDate as DateConstructor;
}
