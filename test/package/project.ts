import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a failure is an error that carries the output. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env = {}, timeout = 170_000 }: { cwd: string; env?: NodeJS.ProcessEnv; timeout?: number },
): Promise<Outcome> {
  const outcome = await new Promise<Outcome>((resolve) => {
    execFile(
      program,
      args,
      { cwd, env: cleanEnvironment(env), timeout, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : null) : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
  if (outcome.code !== 0) {
    throw new Error(
      `${program} ${args.join(' ')} ended with ${outcome.code ?? 'a signal or time-out'}\n${outcome.stdout}\n${outcome.stderr}`,
    );
  }
  return outcome;
}

/** Runs a script of a project and reads the last line of its output as JSON. */
export async function runScript(cwd: string, script: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const { stdout } = await run(process.execPath, [script], { cwd, env, timeout: 60_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/** Packs the package as it would be published; returns the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: repository,
  });
  const parsed = JSON.parse(stdout) as unknown;
  const [first] = (Array.isArray(parsed) ? parsed : Object.values(parsed as object)) as {
    filename: string;
  }[];
  return join(folder, first!.filename);
}

/** A project of its own in a temporary folder, made from a fixture, with the tarball installed. */
export async function createProject(fixture: string, tarball: string, sources: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), `stepping-${fixture}-`));
  try {
    await cp(join(fixtures, fixture), folder, { recursive: true });
    for (const [target, source] of Object.entries(sources)) {
      await cp(join(fixtures, source), join(folder, target));
    }
    const manifestFile = join(folder, 'package.json');
    const manifest = JSON.parse(await readFile(manifestFile, 'utf8')) as {
      dependencies: Record<string, string>;
    };
    manifest.dependencies['nestjs-stepping'] = `file:${tarball}`;
    await writeFile(manifestFile, JSON.stringify(manifest, null, 2));
    await run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      timeout: 280_000,
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Without what npm and Vitest add for their own children. */
function cleanEnvironment(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(lifecycle|package|command|execpath|node_execpath)|VITEST|JEST|NODE_ENV$|NODE_OPTIONS$)/.test(
        name,
      ),
  );
  return { ...Object.fromEntries(kept), ...extra };
}
