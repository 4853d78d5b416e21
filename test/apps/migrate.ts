/**
 * Gets ready, waits for a word from the test, and then starts an application that brings the library's
 * tables up to date, at the same moment as others. `MIGRATE` holds the options of its `DataSource` as JSON.
 */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SteppingModule } from 'nestjs-stepping';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { tell } from './support/tell.js';

const dataSource = await new DataSource(JSON.parse(process.env.MIGRATE!) as DataSourceOptions).initialize();

@Module({
  imports: [SteppingModule.forRoot()],
  providers: [{ provide: DataSource, useValue: dataSource }],
})
class MigrateModule {}

createInterface({ input: process.stdin }).once('line', () => {
  NestFactory.createApplicationContext(MigrateModule, { logger: ['error', 'warn'], abortOnError: false })
    .then(async (app) => {
      tell({ type: 'migrated' });
      await app.close();
      process.exit(0);
    })
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});
tell({ type: 'ready' });
