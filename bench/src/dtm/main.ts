// Jobs per second with a DTM server: through the library, and by hand with the same calls and statements. Interleaved
// rounds of one run; the ratio is what counts. `npm run bench:dtm [-- <rounds> <jobs>]`.
import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { DataSource } from 'typeorm';
import { installLibrary } from '../library.ts';
import { DtmServer } from './dtm-server.ts';

const [rounds, jobs] = [Number(process.argv[2] ?? 7), Number(process.argv[3] ?? 1000)];
const PRODUCERS = 16;
const NOTE = 'n'.repeat(160);
const URL_OF_DATABASE = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test';

installLibrary(fileURLToPath(new URL('../../..', import.meta.url)));
const { bareClient, steppingClient } = await import('./clients.ts');

const schema = `stepping_bench_${randomBytes(4).toString('hex')}`;
const dataSource = await new DataSource({
  type: 'postgres',
  url: URL_OF_DATABASE,
  schema,
  poolSize: 20,
  extra: { options: `-c search_path=${schema}` },
}).initialize();
await dataSource.query(`CREATE SCHEMA ${schema}`);
const server = await DtmServer.start();
try {
  await dataSource.query('CREATE TABLE orders (id varchar(64) PRIMARY KEY, note text NOT NULL)');
  await dataSource.query(`CREATE TABLE bare_barrier (
    id bigserial PRIMARY KEY, trans_type varchar(45), gid varchar(128), branch_id varchar(128), op varchar(45),
    barrier_id varchar(45), reason varchar(45), create_time timestamptz DEFAULT now(),
    UNIQUE (gid, branch_id, op, barrier_id))`);
  const ended = new Set<string>();
  let finished: () => void = () => undefined;
  const settings = {
    dtmUrl: server.url,
    dataSource,
    ran: ({ id }: { id: string }) => {
      ended.add(id);
      if (ended.size === jobs) finished();
    },
  };
  const clients = { 'by hand': await bareClient(settings), stepping: await steppingClient(settings) };
  type Name = keyof typeof clients;

  const run = async (name: Name): Promise<number> => {
    ended.clear();
    const done = new Promise<void>((resolve) => (finished = resolve));
    const startedAt = performance.now();
    let placed = 0;
    const produce = async (): Promise<void> => {
      while (placed < jobs) {
        placed += 1;
        await clients[name].place({ id: randomUUID(), note: NOTE });
      }
    };
    await Promise.all(Array.from({ length: PRODUCERS }, produce));
    await done;
    return jobs / ((performance.now() - startedAt) / 1000);
  };

  const ratios: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const order: Name[] = round % 2 === 0 ? ['by hand', 'stepping'] : ['stepping', 'by hand'];
    const rates = { 'by hand': 0, stepping: 0 };
    for (const name of order) rates[name] = await run(name);
    // The first round warms up.
    if (round === 0) continue;
    ratios.push(rates.stepping / rates['by hand']);
    console.log(
      `round ${round}: by hand ${rates['by hand'].toFixed(0)} jobs/s, stepping ${rates.stepping.toFixed(0)} jobs/s, ` +
        `ratio ${ratios.at(-1)!.toFixed(2)}`,
    );
  }
  const median = ratios.toSorted((left, right) => left - right)[Math.floor(ratios.length / 2)]!;
  console.log(`${jobs} jobs, ${PRODUCERS} producers, DTM on boltdb, orders on PostgreSQL, HTTP`);
  console.log(`median ratio of stepping to the same by hand: ${median.toFixed(2)}`);
  for (const client of Object.values(clients)) await client.close();
} finally {
  await server.stop();
  await dataSource.query(`DROP SCHEMA ${schema} CASCADE`);
  await dataSource.destroy();
}
