import { accessSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { BUILT_DTM } from '../config/data-files.js';
import { Child } from './child.js';
import { freePort } from './free-port.js';
import { MissingServerError } from './missing-server.error.js';

/** A running DTM server, or a program that can be started. */
export type DtmSource = { readonly url: string } | { readonly program: string };

const ADVICE = 'Build it with "node scripts/build-dtm.mjs" (needs Go), or set DTM_URL or DTM_BIN.';

/**
 * Looks for DTM: the server of DTM_URL, the program of DTM_BIN, the one that was built in this repository, the
 * one on the PATH.
 *
 * @throws MissingServerError
 */
export async function findDtm(): Promise<DtmSource> {
  const { DTM_URL, DTM_BIN: given, PATH: path = '' } = process.env;
  if (DTM_URL) {
    const url = DTM_URL.replace(/\/+$/, '');
    const answer = await fetch(`${url}/api/ping`).catch(() => undefined);
    if (answer?.ok) return { url };
    throw new MissingServerError(`DTM: no server answers at ${url} (DTM_URL).`);
  }
  if (given) {
    if (isProgram(given)) return { program: resolve(given) };
    throw new MissingServerError(`DTM: there is no program at ${given} (DTM_BIN). ${ADVICE}`);
  }
  const places = [BUILT_DTM, ...path.split(delimiter).map((folder) => join(folder, 'dtm'))];
  const program = places.find(isProgram);
  if (program) return { program };
  throw new MissingServerError(`DTM: its program was not found. ${ADVICE}`);
}

/** The server of a demonstration. */
export class DtmServer {
  private constructor(
    readonly url: string,
    private readonly child: Child | undefined,
  ) {}

  /** Starts the program with an empty store in `folder`. A server that is already running is left alone. */
  static async start(source: DtmSource, folder: string): Promise<DtmServer> {
    if ('url' in source) return new DtmServer(source.url, undefined);
    await mkdir(folder, { recursive: true });
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    // Does not inherit the environment: DTM reads general names such as LOG_LEVEL.
    const env = {
      HTTP_PORT: String(port),
      GRPC_PORT: String(await freePort()),
      STORE_DRIVER: 'boltdb',
      TRANS_CRON_INTERVAL: '1',
      LOG_LEVEL: 'warn',
    };
    const command = { program: source.program, parameters: [], env, folder, log: join(folder, 'dtm.log') };
    return new DtmServer(url, await Child.start(command, `${url}/api/ping`));
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** DTM's own status of a job: `prepared`, `submitted`, `succeed`, `failed`. */
  async statusOf(gid: string): Promise<string> {
    const response = await fetch(`${this.url}/api/dtmsvr/query?gid=${encodeURIComponent(gid)}`);
    const { transaction } = (await response.json()) as { transaction: { status: string } | null };
    return transaction?.status ?? 'unknown';
  }

  async stop(): Promise<void> {
    await this.child?.stop();
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
