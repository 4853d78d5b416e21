/**
 * Does some work. An error that nobody can catch ends it as one of its own does: a driver may throw in a callback of its socket, or leave a
 * promise rejected. Node.js hands rejections that nobody handles to the same event.
 *
 * @throws what the work throws, or what nobody has caught meanwhile; the work is not waited for then.
 */
export async function withUncaught<T>(work: () => Promise<T>): Promise<T> {
  const { promise, reject } = withReject();
  process.on('uncaughtException', reject);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    process.off('uncaughtException', reject);
  }
}

function withReject(): { promise: Promise<never>; reject: (error: unknown) => void } {
  let reject!: (error: unknown) => void;
  const promise = new Promise<never>((_, rejected) => (reject = rejected));
  return { promise, reject };
}
