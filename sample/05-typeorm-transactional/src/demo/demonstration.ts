import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { AppModule } from '../app.module.js';
import { DEFAULT_DATABASE_URL, databaseUrl } from '../database.js';
import { RegistrationsService } from '../registrations/registrations.service.js';
import { compareFates, FATES, type Found } from './fates.js';
import { until } from './until.js';

/** Runs the demonstration in the terminal and returns the exit code: 2 where there is no PostgreSQL. */
export async function runDemonstration(): Promise<number> {
  const schema = `stepping_sample_05_${process.pid}`;
  const client = new pg.Client({ connectionString: databaseUrl(), connectionTimeoutMillis: 5000 });
  try {
    await client.connect();
    await client.query(`CREATE SCHEMA ${schema}`);
  } catch (error) {
    console.error(`This sample needs PostgreSQL, and cannot use it: ${String(error)}`);
    console.error(
      `Set DATABASE_URL to a server that may be used; by default ${DEFAULT_DATABASE_URL} is tried.`,
    );
    await client.end();
    return 2;
  }
  try {
    await client.query(`SET search_path TO ${schema}`);
    process.env.DATABASE_SCHEMA = schema;
    return await demonstrate(client);
  } finally {
    await client.query(`DROP SCHEMA ${schema} CASCADE`);
    await client.end();
  }
}

async function demonstrate(client: pg.Client): Promise<number> {
  const options = { logger: ['error', 'warn'] as ('error' | 'warn')[], abortOnError: false };
  const app = await NestFactory.createApplicationContext(AppModule, options);
  try {
    const registrations = app.get(RegistrationsService);
    await registrations.register('pottery', false);
    const refused = await registrations.register('welding', true).then(
      () => false,
      () => true,
    );
    if (!refused) throw new Error('The second course should have been full');
    await until('all jobs have ended', 30, async () => {
      const { rows } = await client.query(`SELECT 1 FROM stepping_jobs WHERE status = 'submitted'`);
      return rows.length === 0 || undefined;
    });
  } finally {
    await app.close();
  }

  const found = {
    rows: await column(client, 'SELECT id AS value FROM entries'),
    messages: await column(client, 'SELECT text AS value FROM messages'),
  };
  return report(found);
}

function report(found: Found): number {
  console.log('nestjs-stepping, sample 05: jobs in methods with @Transactional() of typeorm-transactional\n');
  line('the caller', 'propagation', 'row', 'job', 'because');
  for (const { id, caller, propagation, because } of FATES) {
    const ran = found.messages.filter((text) => text === id).length;
    const row = found.rows.includes(id) ? 'kept' : 'gone';
    line(caller, propagation, row, ran === 0 ? 'never ran' : ran === 1 ? 'ran' : `ran ${ran} times`, because);
  }
  const differences = compareFates(found);
  console.log(`\ndifferences: ${differences.length}`);
  for (const difference of differences) console.log(`  - ${difference}`);
  return differences.length === 0 ? 0 : 1;
}

function line(caller: string, propagation: string, row: string, job: string, because: string): void {
  console.log(`${caller.padEnd(12)}${propagation.padEnd(15)}${row.padEnd(6)}${job.padEnd(11)}${because}`);
}

async function column(client: pg.Client, sql: string): Promise<string[]> {
  return (await client.query<{ value: string }>(sql)).rows.map(({ value }) => value);
}
