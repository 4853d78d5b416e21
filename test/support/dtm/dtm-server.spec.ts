import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase } from '../database.js';
import { canRestartDtm, describeDtm, dtmSkipReason, startDtmServer, type DtmServer } from './dtm-server.js';
import { waitFor } from '../wait-for.js';

describeDtm('startDtmServer', (store) => {
  let dtm: DtmServer;
  let steps: StepServer;

  beforeEach(async () => {
    steps = await StepServer.start();
    dtm = await startDtmServer({ store });
  });
  afterEach(async () => {
    await dtm.stop();
    await steps.stop();
  });

  it('gives a server that tells its version', async () => {
    const response = await fetch(`${dtm.httpUrl}/api/dtmsvr/version`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ version: expect.stringMatching(/^v\d/) as string });
  });

  it('gives a server that calls the steps of a submitted job', async () => {
    const gid = randomUUID();
    await send('submit', gid, '{"amount":1}');
    await waitFor(() => steps.bodies.length > 0, { message: () => dtm.log });
    await reaches(gid, 'succeed');
    expect(steps.bodies).toEqual(['{"amount":1}']);
    expect((await dtm.query(gid)).branches).toMatchObject([{ url: steps.url }]);
  });

  it('answers null to the query for an unknown job', async () => {
    expect(await dtm.query(randomUUID())).toEqual({ transaction: null, branches: [] });
  });

  it('stops a job by force', async () => {
    const gid = randomUUID();
    await send('prepare', gid);
    await reaches(gid, 'prepared');
    await dtm.forceStop(gid);
    await reaches(gid, 'failed');
    await expect(dtm.forceStop(randomUUID())).rejects.toThrow('DTM answered 500');
    expect(steps.bodies).toEqual([]);
  });

  it.runIf(canRestartDtm(store))('keeps jobs when it is killed and started again', async () => {
    const [submitted, prepared] = [randomUUID(), randomUUID()];
    const { httpUrl, grpcAddress, pid } = dtm;
    steps.status = 500;
    await send('prepare', prepared);
    await send('submit', submitted);
    await waitFor(() => steps.bodies.length > 0, { message: () => dtm.log });

    await dtm.kill();
    expect(isAlive(pid!)).toBe(false);
    expect(dtm.pid).toBeUndefined();
    await expect(dtm.query(submitted)).rejects.toThrow('fetch failed');
    steps.status = 200;
    await dtm.restart();

    expect(dtm).toMatchObject({ httpUrl, grpcAddress });
    expect(dtm.pid).not.toBe(pid);
    await reaches(prepared, 'prepared');
    await reaches(submitted, 'succeed');
  });

  it.runIf(canRestartDtm(store))('leaves nothing behind when it is stopped', async () => {
    const { pid, folder, schema } = dtm;
    expect(isAlive(pid!)).toBe(true);
    expect(existsSync(folder!)).toBe(true);
    expect(schema !== undefined).toBe(store === 'postgres');
    if (schema) expect(await tablesOf(schema)).toContain('trans_global');

    await dtm.stop();
    await dtm.stop();

    expect(isAlive(pid!)).toBe(false);
    expect(existsSync(folder!)).toBe(false);
    if (schema) expect(await tablesOf(schema)).toEqual([]);
  });

  it.runIf(canRestartDtm(store))('gives every server a store of its own', async () => {
    const gid = randomUUID();
    await send('prepare', gid);
    const other = await startDtmServer({ store });
    expect((await other.query(gid)).transaction).toBeNull();
    await other.stop();
    await reaches(gid, 'prepared');
  });

  it.runIf(canRestartDtm(store))('says what DTM said when it does not start', async () => {
    const starting = startDtmServer({ store, env: { RETRY_INTERVAL: '1' } });
    await expect(starting).rejects.toThrow('RetryInterval should not be less than 10');
  });

  async function send(action: 'prepare' | 'submit', gid: string, payload = '{}'): Promise<void> {
    const response = await fetch(`${dtm.httpUrl}/api/dtmsvr/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        gid,
        trans_type: 'msg',
        steps: [{ action: steps.url }],
        payloads: [payload],
        query_prepared: steps.url,
        retry_interval: 1,
      }),
    });
    expect(response.status, await response.text()).toBe(200);
  }

  async function reaches(gid: string, status: string): Promise<void> {
    await waitFor(async () => (await dtm.query(gid)).transaction?.status === status, {
      message: async () => `${status}: ${JSON.stringify(await dtm.query(gid))}\n${dtm.log}`,
    });
  }
});

describe('dtmSkipReason', () => {
  it('asks for PostgreSQL only where it is needed', () => {
    const { DATABASE_URL } = process.env;
    const boltdb = dtmSkipReason('boltdb');
    delete process.env.DATABASE_URL;
    try {
      expect(dtmSkipReason('boltdb')).toBe(boltdb);
      expect(dtmSkipReason('postgres')).toMatch(/^no (DTM server|PostgreSQL): /);
    } finally {
      if (DATABASE_URL !== undefined) process.env.DATABASE_URL = DATABASE_URL;
    }
  });
});

/** Whom DTM calls: keeps the bodies and answers with `status`. */
class StepServer {
  readonly bodies: string[] = [];
  status = 200;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<StepServer> {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        steps.bodies.push(body);
        response.writeHead(steps.status).end('{}');
      });
    });
    const steps = new StepServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return steps;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/step`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function tablesOf(schema: string): Promise<string[]> {
  const database = await createDatabase('postgres');
  try {
    const rows = await database.query<{ tablename: string }>(
      'SELECT tablename FROM pg_tables WHERE schemaname = $1',
      [schema],
    );
    return rows.map((row) => row.tablename);
  } finally {
    await database.drop();
  }
}
