import { existsSync, writeFileSync, chownSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { accountOf, ownedFolder } from './accounts.js';
import { freePort } from './ports.js';
import { ServerProcess } from './server-process.js';
import { removeFolder } from './temporary-folder.js';

/** A RabbitMQ node of one attack. It shares nothing with another one on the machine: ports, cookie, data, logs, `epmd`. */
export interface OwnBroker {
  readonly url: string;
  /** Stops it where it stands. Its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Kills it with SIGKILL, frozen or not, and starts it again with what it has on disk. */
  crash(): Promise<void>;
  /** How many messages of the queue nobody has been given, and the version of the server. */
  look(queue: string): Promise<{ readonly waiting: number; readonly version: string }>;
  stop(): Promise<void>;
}

/** Why there can be none; undefined if there can. */
export function whyNoBroker(): string | undefined {
  if (serverProgram() === undefined) return 'there is no rabbitmq-server';
  return onPath('epmd') === undefined ? 'there is no epmd of Erlang' : undefined;
}

export async function startOwnBroker(): Promise<OwnBroker> {
  // Packages create the user; otherwise there is nobody else to run it as.
  const account = accountOf('rabbitmq') ?? {};
  const folder = ownedFolder('rabbitmq', account);
  const [port, names, distribution] = [await freePort(), await freePort(), await freePort()];
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid);
    return path;
  };
  const erlang = {
    PATH: process.env.PATH ?? '',
    // Erlang keeps its cookie there.
    HOME: folder,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(names),
  };
  // Otherwise the node starts one as a daemon, which outlives it.
  const epmd = new ServerProcess({
    program: onPath('epmd')!,
    args: ['-port', String(names), '-address', '127.0.0.1'],
    env: erlang,
    cwd: folder,
    ...account,
    port: names,
  });
  const node = new ServerProcess({
    program: serverProgram()!,
    args: [],
    env: {
      ...erlang,
      // Erlang takes the place of the script's process, so that a signal reaches it.
      RUNNING_UNDER_SYSTEMD: 'true',
      ERL_FLAGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_NODENAME: 'stepping-proof@localhost',
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_CONFIG_FILE: file('rabbitmq.conf', `listeners.tcp.local = 127.0.0.1:${port}\n`),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
      // The machine's would be read otherwise.
      RABBITMQ_CONF_ENV_FILE: file('environment', ''),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins', '[].\n'),
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: join(folder, 'pid'),
    },
    cwd: folder,
    ...account,
    port,
  });
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await node.end('SIGKILL');
    await epmd.end('SIGKILL');
    removeFolder(folder);
  };
  try {
    await epmd.start();
    await node.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    freeze: () => node.signal('SIGSTOP'),
    thaw: () => node.signal('SIGCONT'),
    crash: async () => {
      await node.end('SIGKILL');
      await node.start();
    },
    look: async (queue) => {
      const { connect } = await import('amqplib');
      const model = await connect(url);
      model.on('error', () => undefined);
      try {
        const channel = await model.createChannel();
        const { messageCount } = await channel.checkQueue(queue);
        return { waiting: messageCount, version: model.connection.serverProperties.version };
      } finally {
        await model.close();
      }
    },
    stop,
  };
}

/** Debian and Red Hat put a wrapper on the path, which writes to the machine's own node; this is what it calls. */
function serverProgram(): string | undefined {
  const packaged = '/usr/lib/rabbitmq/bin/rabbitmq-server';
  return existsSync(packaged) ? packaged : onPath('rabbitmq-server');
}

function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
