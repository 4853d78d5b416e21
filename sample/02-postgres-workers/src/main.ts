import 'reflect-metadata';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DepotConfig } from './config/depot.config.js';
import { runDemonstration } from './demo/demonstration.js';
import { startTracing } from './telemetry/tracing.js';

async function serve(): Promise<void> {
  startTracing();
  // Each kind of process loads its own module only.
  const { ApiModule } = await import('./api.module.js');
  const app = await NestFactory.create(ApiModule);
  app.useGlobalPipes(new ValidationPipe({ whitelist: true }));
  app.enableShutdownHooks();
  await app.listen(app.get(DepotConfig).port, '127.0.0.1');
  process.send?.({ ready: { url: await app.getUrl() } });
}

/** A worker has no HTTP server. Its connections to the database keep it alive. */
async function work(): Promise<void> {
  startTracing();
  const { WorkerModule } = await import('./worker.module.js');
  const app = await NestFactory.createApplicationContext(WorkerModule);
  // On SIGTERM, running steps get time to finish, and the other jobs are handed back.
  app.enableShutdownHooks();
  process.send?.({ ready: {} });
}

const [command] = process.argv.slice(2);
if (command === 'demo') process.exitCode = await runDemonstration();
else if (command === 'api') await serve();
else if (command === 'worker') await work();
else {
  console.error('Say what to start: api, worker, or demo, which starts the others');
  process.exitCode = 1;
}
