/** Writes a message for the test that started this process. Pipes are synchronous: a crash right after it loses nothing. */
export function tell(message: object): void {
  process.stdout.write(`${JSON.stringify({ at: monotonic(), ...message })}\n`);
}

/** Milliseconds on a clock that all processes of the host share, whatever `Date` says. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
