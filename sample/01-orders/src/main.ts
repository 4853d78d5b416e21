import 'reflect-metadata';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { ShopConfig } from './config/shop.config.js';
import { runDemonstration } from './demo/demonstration.js';

async function serve(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  // On SIGTERM, running steps get time to finish, and the other jobs are handed back.
  app.enableShutdownHooks();
  await app.listen(app.get(ShopConfig).port, '127.0.0.1');
}

const [command, folder] = process.argv.slice(2);
if (command === 'demo') process.exitCode = await runDemonstration(folder);
else await serve();
