// What the scripts that build a server from its Go module share.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Go 1.21 fetches the toolchain that a module asks for; an older one only fails on it. */
export function findGo() {
  for (const go of ['go', '/usr/local/go/bin/go']) {
    const { status, stdout } = spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' });
    const [, minor] = (status === 0 && /^go1\.(\d+)/.exec(stdout.trim())) || [];
    if (Number(minor) >= 21) return go;
  }
  return undefined;
}

/** Runs `work` with a folder that holds this `go.mod`, and removes it. Some module proxies refuse `go install` with a version. */
export async function inModule(name, goMod, work) {
  const folder = await mkdtemp(join(tmpdir(), `stepping-${name}-build-`));
  try {
    await writeFile(join(folder, 'go.mod'), goMod);
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The standard output of the Go command; its progress goes to standard error. */
export function runGo(go, cwd, ...parameters) {
  const { status, error, stdout } = spawnSync(go, parameters, {
    cwd,
    env: { ...process.env, GOWORK: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`"go ${parameters.join(' ')}" failed`, { cause: error });
  return stdout;
}

/** Makes a file under a temporary name first, so that nobody uses half of it. */
export async function appear(folder, name, make) {
  const unfinished = join(folder, `${name}.${process.pid}.unfinished`);
  try {
    await make(unfinished);
    await rename(unfinished, join(folder, name));
  } finally {
    await rm(unfinished, { force: true });
  }
}

export function fail(code, message) {
  console.error(message);
  process.exit(code);
}
