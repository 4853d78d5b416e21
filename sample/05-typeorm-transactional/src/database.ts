import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Message } from './messages/message.entity.js';
import { Entry } from './registrations/entry.entity.js';

export const DEFAULT_DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/test';

export const databaseUrl = (): string => process.env.DATABASE_URL ?? DEFAULT_DATABASE_URL;

/** PostgreSQL: on SQLite, which has one transaction per connection, REQUIRES_NEW is a savepoint. */
export function databaseOptions(): TypeOrmModuleOptions {
  return {
    type: 'postgres',
    url: databaseUrl(),
    schema: process.env.DATABASE_SCHEMA ?? 'public',
    entities: [Entry, Message],
    // Only for a sample. An application uses migrations.
    synchronize: true,
  };
}
