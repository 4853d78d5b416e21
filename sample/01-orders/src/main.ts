import 'reflect-metadata';
import { Logger, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { ShopConfig } from './config/shop.config.js';
import { runDemonstration } from './demo/run-demonstration.js';

async function serve(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  // On SIGTERM, running steps get time to finish, and the other jobs are handed back.
  app.enableShutdownHooks();
  const { port } = app.get(ShopConfig);
  await app.listen(port, '127.0.0.1');
  Logger.log(`The dashboard is at http://localhost:${port}/stepping`, 'Orders');
}

const [command, folder] = process.argv.slice(2);
if (command === 'demo') process.exitCode = await runDemonstration(folder);
else await serve();
