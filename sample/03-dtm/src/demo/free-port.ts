import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * An unused port below the ephemeral range. DTM keeps calling a service that was killed, and must not be given that
 * service's port for its own end of the connection.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
