import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DtmProcess } from '../support/dtm/dtm-process.js';
import { repository } from './installation.js';

/** A DTM server for the whole matrix. */
export async function startDtm(root: string): Promise<DtmProcess> {
  const program = resolve(process.env.DTM_BIN ?? join(repository, '.cache/dtm/v1.19.0/dtm'));
  if (!existsSync(program)) throw new Error(`${program} does not exist: npm run build:dtm`);
  const folder = join(root, 'dtm');
  await mkdir(folder);
  const server = new DtmProcess(program, folder, {
    TRANS_CRON_INTERVAL: '1',
    LOG_LEVEL: 'warn',
    STORE_DRIVER: 'boltdb',
  });
  process.once('exit', () => server.signal());
  await server.start();
  return server;
}
