/** An application that receives messages when the test tells it to, in a process of its own. `INBOX` holds its settings as JSON. */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SteppingModule } from 'nestjs-stepping';
import { Inbox, SteppingEventsModule } from 'nestjs-stepping/events';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import { Order } from '../support/order.entity.js';
import { tell } from './support/tell.js';

interface Command {
  readonly consumer: string;
  readonly id: string;
  /** The work writes an order of this id. */
  readonly order: string;
  /** The work goes on until `release` comes. */
  readonly hold?: boolean;
}

const options = JSON.parse(process.env.INBOX!) as DataSourceOptions;
const dataSource = await new DataSource({ ...options, entities: [Order] } as DataSourceOptions).initialize();

@Module({
  imports: [SteppingModule.forRoot(), SteppingEventsModule.forRoot()],
  providers: [{ provide: DataSource, useValue: dataSource }],
})
class InboxModule {}

const app = await NestFactory.createApplicationContext(InboxModule, { logger: ['error', 'warn'] });
const inbox = app.get(Inbox);
let release: (() => void) | undefined;

async function receive({ consumer, id, order, hold }: Command): Promise<void> {
  const { duplicate } = await inbox.receive({ consumer, id }, async (manager: EntityManager) => {
    await manager.insert(Order, { id: order });
    tell({ type: 'working', id });
    if (hold) await new Promise<void>((resolve) => (release = resolve));
  });
  tell({ type: 'received', id, duplicate });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as Command | { readonly release: true };
  if ('release' in command) return release?.();
  receive(command).catch((error: unknown) => tell({ type: 'error', id: command.id, error: String(error) }));
});
tell({ type: 'ready' });
