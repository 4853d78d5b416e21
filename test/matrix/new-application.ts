import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { freePort } from '../support/dtm/dtm-process.js';
import { Command, npm, run } from './command.js';
import { readManifest, repository } from './installation.js';
import type { ReadmeBlocks } from './readme-blocks.js';

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

  /** Its files and its test as the README has them. */
  build(): Promise<void> {
    return this.buildWith(this.readme.application);
  }

  /** The same on PostgreSQL, as the README says it. */
  async buildForPostgres(url: string): Promise<void> {
    const { command, options } = this.readme.postgres;
    const sqlite = /type: 'better-sqlite3',\s*database: [^\n]*'shop\.db'/;
    const files = this.readme.application;
    const module = files.get('src/app.module.ts') ?? '';
    if (!sqlite.test(module)) throw new Error('README.md: the application is not on the SQLite file shop.db');
    await this.obey(command);
    this.env = { DATABASE_URL: url };
    await this.buildWith(
      files.set(
        'src/app.module.ts',
        module.replace(sqlite, () => options),
      ),
    );
  }

  private async buildWith(files: ReadonlyMap<string, string>): Promise<void> {
    for (const [path, code] of files) await writeFile(join(this.folder, path), code);
    await writeFile(join(this.folder, 'src/orders.spec.ts'), this.readme.spec);
    await writeFile(join(this.folder, 'src/looking.ts'), looking);
    await npm(this.folder, ['run', 'build']);
  }

  /** Tries it out as the README says: an order, then one more, a kill in the middle of its step, and another start, which finishes the job. */
  async surviveKill(): Promise<void> {
    const port = await freePort();
    const [[start, order], [secondOrder, kill, startAgain]] = this.readme.trials as [string[], string[]];
    const doomed = this.serve(start!, port);
    await doomed.line(/Nest application successfully started/);
    await this.type(order!, port);
    await doomed.line(/^E-mail \S+: .* order 1$/);
    await this.type(`${secondOrder}\n${kill}`, port);
    await doomed.ended;
    if (/order 2$/m.test(doomed.output)) throw new Error('The process was killed too late');

    const next = this.serve(startAgain!, port);
    // The job waits until the lease of the dead process has ended: half a minute by default.
    await next.line(/^E-mail \S+: .* order 2$/, 150_000);
    // It may still be about to store that.
    next.interrupt();
    await next.ended;

    const look = new Command(process.execPath, ['dist/looking'], { cwd: this.folder, env: this.env });
    const { jobs } = await look.message('jobs');
    await look.success();
    const stories = (jobs as unknown[]).map((job) => JSON.stringify(job)).toSorted();
    // The first attempt of a job is not counted when its process dies.
    if (stories.join(' ') !== '["succeeded",1] ["succeeded",1]') {
      throw new Error(`Both jobs should have succeeded: ${stories.join(' ')}`);
    }
  }

  /** Starts the service as a line of the README says, on a port of its own. */
  private serve(line: string, port: number): Command {
    const [program, ...args] = line.split(' ');
    return new Command(program!, args, { cwd: this.folder, env: { ...this.env, PORT: String(port) } });
  }

  /** Into the reader's other terminal. */
  private async type(lines: string, port: number): Promise<void> {
    await run('sh', ['-ec', lines.replaceAll(':3000', `:${port}`)], { cwd: this.folder, timeout: 60_000 });
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
}
