// How the library's own statements grow with the number of processes. `npm run bench:processes [-- options]`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installLibrary } from '../library.ts';
import { phases, SECONDS, type Measured, type Phase } from './phases.ts';
import { SERVERS } from './servers.ts';
import { tablesOf } from './tables.ts';

const RESULTS = fileURLToPath(new URL('../../results', import.meta.url));

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '1,2,4,8,16,32,64' },
    databases: { type: 'string', default: 'postgres,mariadb' },
    phases: { type: 'string', default: Object.keys(SECONDS).join() },
    rate: { type: 'string', default: '20' },
    library: { type: 'string', default: fileURLToPath(new URL('../../..', import.meta.url)) },
  },
});
const counts = values.processes.split(',').map(Number);
const rate = Number(values.rate);
const wanted = values.phases.split(',') as Phase[];
if (!counts.every((count) => Number.isInteger(count) && count > 0) || !(rate > 0))
  throw new Error('--processes takes whole numbers from 1, separated by commas, --rate a number above 0.');
if (!wanted.every((phase) => phase in SECONDS))
  throw new Error(`--phases takes some of ${Object.keys(SECONDS).join()}.`);

installLibrary(values.library);
console.log(`- ${cpus().length} x ${cpus()[0]!.model.trim()}; Node.js ${process.version}`);
console.log('- up to 8 processes with one application each, then 8 with several');
console.log('- counts are of statements, and hold under any load of the machine; CPU and delays do not\n');

for (const name of values.databases.split(',')) {
  const start = SERVERS[name];
  if (!start) throw new Error(`--databases takes some of ${Object.keys(SERVERS).join()}.`);
  const server = await start();
  const stopAndExit = () => void server.stop().finally(() => process.exit(130));
  process.once('SIGINT', stopAndExit).once('SIGTERM', stopAndExit);
  try {
    const measured: Measured[] = [];
    for (const count of counts) {
      const more = await phases(server, count, { rate, phases: wanted });
      measured.push(...more);
      console.error(`${server.title}, ${count}: ${more.map(told).join('; ')}`);
    }
    console.log(tablesOf(server.title, rate, measured));
    mkdirSync(RESULTS, { recursive: true });
    const file = `${RESULTS}/processes-${name}-${new Date().toISOString().replace(/[:.]/g, '-')}.json`;
    const kept = measured.map(({ delays: _, rowsRead, ...rest }) => ({ ...rest, rowsRead: [...rowsRead] }));
    writeFileSync(file, JSON.stringify(kept, null, 2));
  } finally {
    process.off('SIGINT', stopAndExit).off('SIGTERM', stopAndExit);
    await server.stop();
  }
}

function told({ phase, counted }: Measured): string {
  const unknown = counted.others.length > 0 ? `, others: ${counted.others.join(' | ')}` : '';
  return `${phase} ${JSON.stringify(counted.statements)} errors ${counted.otherErrors}${unknown}`;
}
