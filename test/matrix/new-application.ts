import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { freePort } from '../support/dtm/dtm-process.js';
import { Command, npm, run } from './command.js';
import { readManifest, repository } from './installation.js';
import type { ReadmeBlocks } from './readme-blocks.js';

/** Places an order whose e-mail never gets done. */
const placing = `
import { NestFactory } from '@nestjs/core';
import { AppModule, Mailer, OrdersService } from './app.module.js';

const app = await NestFactory.createApplicationContext(AppModule);
app.get(Mailer).send = () => {
  console.log(JSON.stringify({ sending: true }));
  return new Promise(() => setInterval(() => undefined, 60_000));
};
const { id } = await app.get(OrdersService).place('tea');
console.log(JSON.stringify({ placed: id }));
`;

/** Reads what became of the jobs. */
const looking = `
import { NestFactory } from '@nestjs/core';
import { DistributedJobs } from 'nestjs-stepping';
import { AppModule } from './app.module.js';

const app = await NestFactory.createApplicationContext(AppModule);
const { jobs } = await app.get(DistributedJobs).list();
console.log(JSON.stringify({ jobs: jobs.map(({ status, steps }) => [status, ...steps.map((step) => step.attempts)]) }));
await app.close();
`;

/** An application that the official command line makes, and that follows the README from there. */
export class NewApplication {
  private constructor(
    private readonly readme: ReadmeBlocks,
    private readonly tarball: string,
    private folder: string,
    /** Laid over the environment of all that runs in it. */
    private env: NodeJS.ProcessEnv = {},
  ) {}

  /** Makes it in the folder, and installs everything. */
  static async make(folder: string, readme: ReadmeBlocks, tarball: string): Promise<NewApplication> {
    const application = new NewApplication(readme, tarball, folder);
    const { version } = await readManifest(join(repository, 'node_modules/@nestjs/cli'));
    for (const command of readme.commands(Number.parseInt(version, 10))) await application.obey(command);
    const file = join(application.folder, 'src/main.ts');
    const listening = /^.*\bapp\.listen\(/m;
    const text = await readFile(file, 'utf8');
    if (!listening.test(text)) throw new Error(`The new application's main.ts is not as expected:\n${text}`);
    await writeFile(file, text.replace(listening, `  ${readme.callInMain}\n$&`));
    return application;
  }

  /** As the reader's shell would, with the command line of this repository and the packed library. */
  private async obey(command: string): Promise<void> {
    const [program, verb, ...args] = command.split(/\s+/);
    if (program === 'cd') {
      this.folder = join(this.folder, verb!);
    } else if (program === 'npx' && verb === '@nestjs/cli') {
      const cli = join(repository, 'node_modules/@nestjs/cli/bin/nest.js');
      await run(process.execPath, [cli, ...args], { cwd: this.folder, timeout: 300_000 });
    } else if (program === 'npm' && verb === 'install') {
      const packages = args.map((name) => (name === 'nestjs-stepping' ? this.tarball : name));
      await npm(this.folder, ['install', ...packages]);
    } else throw new Error(`README.md: what to do with "${command}"?`);
  }

  /** Its module and its test as the README has them. */
  build(): Promise<void> {
    return this.buildWith(this.readme.application);
  }

  /** The same on PostgreSQL, as the README says it. */
  async buildForPostgres(url: string): Promise<void> {
    const { command, options } = this.readme.postgres;
    const sqlite = /type: 'better-sqlite3',\s*database: 'shop\.db'/;
    const code = this.readme.application;
    if (!sqlite.test(code)) throw new Error('README.md: the application is not on the SQLite file shop.db');
    await this.obey(command);
    this.env = { DATABASE_URL: url };
    await this.buildWith(code.replace(sqlite, () => options));
  }

  private async buildWith(code: string): Promise<void> {
    await writeFile(join(this.folder, 'src/app.module.ts'), code);
    await writeFile(join(this.folder, 'src/orders.spec.ts'), this.readme.spec);
    await writeFile(join(this.folder, 'src/placing.ts'), placing);
    await writeFile(join(this.folder, 'src/looking.ts'), looking);
    await npm(this.folder, ['run', 'build']);
  }

  /** A process is killed in the middle of a step; the application, started as ever, finishes the job. */
  async surviveKill(): Promise<void> {
    const doomed = this.start('placing');
    const { placed } = await doomed.message('placed');
    await doomed.message('sending');
    doomed.kill();
    await doomed.ended;

    const application = new Command('npm', ['start'], {
      cwd: this.folder,
      env: { ...this.env, PORT: String(await freePort()) },
    });
    // The job waits until the lease of the dead process has ended: half a minute by default.
    await application.line(new RegExp(`^order ${String(placed)}: \\S`), 150_000);
    // It may still be about to store that.
    application.interrupt();
    await application.ended;

    const look = this.start('looking');
    const { jobs } = await look.message('jobs');
    await look.success();
    if (JSON.stringify(jobs) !== '[["succeeded",2]]') {
      throw new Error(`The job should have succeeded at its second attempt: ${JSON.stringify(jobs)}`);
    }
  }

  /** Its own test runner on the spec of the README. */
  async test(): Promise<string> {
    const output = stripVTControlCharacters(await npm(this.folder, ['test'], this.env));
    const summary = /^.*\bTests\b.*passed.*$/m.exec(output)?.[0];
    if (!summary || !output.includes('orders.spec.ts')) {
      throw new Error(`The spec did not run:\n${output}`);
    }
    return summary.trim();
  }

  private start(program: string): Command {
    return new Command(process.execPath, [`dist/${program}`], { cwd: this.folder, env: this.env });
  }
}
