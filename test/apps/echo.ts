/**
 * The smallest application of the process tests: it reports that it is up, answers every message, and
 * stays until it is killed. It shows that the helpers of `test/support/child-process.ts` work.
 */
import { createInterface } from 'node:readline';

const tell = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as { exit?: number };
  if (message.exit !== undefined) process.exit(message.exit);
  tell({ type: 'echo', message });
});
console.log('a line that is no message');
tell({ type: 'ready', args: process.argv.slice(2), probe: process.env.ECHO_PROBE });
