import { mkdir, readdir, rm } from 'node:fs/promises';
import { DEFAULT_FOLDERS } from '../config/data-files.js';
import { DEFAULTS } from '../config/defaults.js';
import { BrokerProxy } from './broker-proxy.js';
import { Broker } from './broker.js';
import { Demonstration } from './demonstration.js';
import { MissingBrokerError } from './missing-broker.error.js';
import { Services } from './services.js';
import { say } from './terminal.js';

/** Runs the demonstration in the terminal and returns the exit code: 2 where there is no broker. */
export async function runDemonstration(folder?: string): Promise<number> {
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
  });
  stopped.catch(() => undefined);
  try {
    const broker = await Broker.connect(process.env.RABBITMQ_URL ?? DEFAULTS.brokerUrl);
    return await tell(broker, await freshFolder(folder), stopped);
  } catch (error) {
    if (error instanceof MissingBrokerError) {
      console.error(`This sample needs RabbitMQ: ${error.message}.`);
      console.error(HOW_TO_GET_ONE);
      return 2;
    }
    say(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

const HOW_TO_GET_ONE = [
  'Start one with "docker run --rm -p 5672:5672 rabbitmq:4", or install the package rabbitmq-server.',
  `Or set RABBITMQ_URL to one that may be used; without it, ${DEFAULTS.brokerUrl} is tried.`,
].join('\n');

async function tell(broker: Broker, folder: string, stopped: Promise<never>): Promise<number> {
  const proxy = await BrokerProxy.start(broker.url);
  const services = await Services.at(folder, broker, proxy.url);
  try {
    return await Promise.race([new Demonstration(folder, broker, proxy, services).run(), stopped]);
  } finally {
    await services.end();
    proxy.close();
    await broker.end();
  }
}

/** Every demonstration starts with empty databases. Only its own folder is emptied. */
async function freshFolder(given: string | undefined): Promise<string> {
  const folder = given ?? DEFAULT_FOLDERS.demonstration;
  if (given === undefined) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`The folder ${folder} is not empty`);
  return folder;
}
