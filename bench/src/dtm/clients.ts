import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedJobFactory, Step, SteppingModule } from 'nestjs-stepping';
import { dtm } from 'nestjs-stepping/dtm';
import { DataSource } from 'typeorm';
import { freePort } from './dtm-server.ts';

/** A measured client. Each order is a transaction with a job of one step; the step calls `ran`. */
export interface DtmClient {
  place(order: OrderRow): Promise<void>;
  close(): Promise<void>;
}

export interface OrderRow {
  readonly id: string;
  readonly note: string;
}

export interface DtmClientSettings {
  readonly dtmUrl: string;
  readonly dataSource: DataSource;
  readonly ran: (order: OrderRow) => void;
}

const INSERT_ORDER = 'INSERT INTO orders (id, note) VALUES ($1, $2)';
const INSERT_BARRIER = `INSERT INTO bare_barrier (trans_type, gid, branch_id, op, barrier_id, reason)
  VALUES ('msg', $1, '00', 'msg', '01', 'msg') ON CONFLICT DO NOTHING`;

/** The same calls and statements by hand: Prepare, order and barrier in a transaction, Submit. Nothing is checked. */
export async function bareClient({ dtmUrl, dataSource, ran }: DtmClientSettings): Promise<DtmClient> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'POST') ran((JSON.parse(body) as { args: OrderRow }).args);
      response.setHeader('content-type', 'application/json').end('{"dtm_result":"success"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const callback = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = async (path: string, body: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${dtmUrl}/api/dtmsvr/${path}`, { method: 'POST', headers, body });
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
  };
  return {
    async place(order) {
      const gid = randomUUID();
      const body = JSON.stringify({
        gid,
        trans_type: 'msg',
        protocol: 'http',
        steps: [{ action: `${callback}/step` }],
        payloads: [JSON.stringify({ step: 'first', args: order })],
        query_prepared: `${callback}/query`,
        custom_data: '{}',
        timeout_to_fail: 9,
        request_timeout: 30,
      });
      await post('prepare', body);
      await dataSource.transaction(async (manager) => {
        await manager.query(INSERT_ORDER, [order.id, order.note]);
        await manager.query(INSERT_BARRIER, [gid]);
      });
      await post('submit', body);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The library, with signed callbacks. */
export async function steppingClient({ dtmUrl, dataSource, ran }: DtmClientSettings): Promise<DtmClient> {
  class First {
    execute(order: OrderRow): void {
      ran(order);
    }
  }
  Step('first')(First);
  const port = await freePort();
  class BenchModule {}
  Module({
    imports: [
      SteppingModule.forRoot({
        transactionManager: dtm({
          server: dtmUrl,
          callback: `http://127.0.0.1:${port}`,
          secrets: 'a secret of the benchmark',
        }),
      }),
    ],
    providers: [First, { provide: DataSource, useValue: dataSource }],
  })(BenchModule);
  const app = await NestFactory.create(BenchModule, {
    logger: ['error', 'warn'],
    forceCloseConnections: true,
  });
  await app.listen(port, '127.0.0.1');
  const jobs = app.get(DistributedJobFactory);
  return {
    async place(order) {
      await dataSource.transaction(async (manager) => {
        await manager.query(INSERT_ORDER, [order.id, order.note]);
        await jobs.createJob().addStep(First, order).start();
      });
    },
    close: () => app.close(),
  };
}
