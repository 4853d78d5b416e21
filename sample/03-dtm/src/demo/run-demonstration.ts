import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf } from '../config/data-files.js';
import { createOrdersDatabase, createStockDatabase, urlsOf } from './databases.js';
import { Demonstration } from './demonstration.js';
import { DtmGateway } from './dtm-gateway.js';
import { DtmServer, findDtm, type DtmSource } from './dtm-server.js';
import { MissingServerError } from './missing-server.error.js';
import { Services } from './services.js';

const DEFAULT_NAME = 'stepping_sample_dtm';
const NAME = /^[a-z][a-z0-9_]{0,40}$/;

/**
 * Runs the demonstration in the terminal and returns the exit code: 2 when a server is missing.
 *
 * @param name Its databases are named `<name>_orders` and `<name>_stock`, and are recreated.
 */
export async function runDemonstration(name = DEFAULT_NAME): Promise<number> {
  // The other processes end with this one, also when it is interrupted.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    if (!NAME.test(name)) throw new Error(`'${name}' is no name: use small letters, digits and _`);
    return await tell(name, await prepare(name));
  } catch (error) {
    if (error instanceof MissingServerError) {
      console.log(error.message);
      return 2;
    }
    console.log(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** Finds the servers and creates the databases. Fails at once if anything is missing. */
async function prepare(name: string): Promise<DtmSource> {
  const [dtm, ...databases] = await Promise.allSettled([
    findDtm(),
    createOrdersDatabase(name),
    createStockDatabase(name),
  ]);
  const problems = [dtm, ...databases].flatMap((one) =>
    one.status === 'rejected' ? [one.reason as unknown] : [],
  );
  const other = problems.find((problem) => !(problem instanceof MissingServerError));
  if (other !== undefined) throw other;
  if (dtm.status === 'fulfilled' && problems.length === 0) return dtm.value;
  const list = problems.map((problem) => `  - ${(problem as Error).message}`);
  throw new MissingServerError(['The demonstration needs three servers. Missing:', ...list].join('\n'));
}

async function tell(name: string, source: DtmSource): Promise<number> {
  const folder = folderOf(name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const dtm = await DtmServer.start(source, join(folder, 'dtm'));
  const gateway = await DtmGateway.start(dtm.url);
  try {
    const databases = urlsOf(name);
    const services = await Services.at(folder, databases, { orders: gateway.url, stock: dtm.url });
    return await new Demonstration(databases, dtm, gateway, services).run(folder);
  } finally {
    gateway.close();
    await dtm.stop();
  }
}
