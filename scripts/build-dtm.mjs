// Builds the DTM server that the tests of the DTM strategy talk to: `node scripts/build-dtm.mjs [FOLDER]`. It
// goes into `.cache/dtm/<version>` of this repository unless FOLDER names another place, beside the SQL script
// that its PostgreSQL store needs. Prints the path of the program. DTM_BIN names one that exists already.
import { spawnSync } from 'node:child_process';
import { copyFile, chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const version = 'v1.19.0';
const module = 'github.com/dtm-labs/dtm';
const schemaScript = 'dtmsvr.storage.postgres.sql';
const given = process.env.DTM_BIN ? resolve(process.env.DTM_BIN) : undefined;
const folder = resolve(
  process.argv[2] ?? fileURLToPath(new URL(`../.cache/dtm/${version}`, import.meta.url)),
);
const program = given ?? join(folder, 'dtm');

if (given && !existsSync(given)) fail(1, `DTM_BIN=${given} does not exist.`);
if (!existsSync(program) || !existsSync(join(folder, schemaScript))) {
  const go = findGo();
  if (go) await provide(go);
  else if (given)
    console.error(`Without Go there is no ${schemaScript}: no tests on DTM's PostgreSQL store.`);
  else fail(3, 'The DTM server needs Go 1.22 or later: https://go.dev/dl, or DTM_BIN=<path> of a program.');
}
console.log(program);

async function provide(go) {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'stepping-dtm-build-'));
  try {
    // A module that requires the server: some module proxies refuse `go install` with a version.
    await writeFile(join(work, 'go.mod'), `module dtmserver\n\ngo 1.22\n\nrequire ${module} ${version}\n`);
    if (!existsSync(program)) {
      console.error(`Building ${module} ${version}; the first time this takes minutes.`);
      await appear('dtm', (file) => {
        run(go, work, 'build', '-mod=mod', '-ldflags', `-X main.Version=${version}`, '-o', file, module);
      });
    }
    await appear(schemaScript, async (file) => {
      run(go, work, 'mod', 'download', module);
      const source = run(go, work, 'list', '-m', '-mod=mod', '-f', '{{.Dir}}', module).trim();
      await copyFile(join(source, 'sqls', schemaScript), file);
      // The module cache is read-only, and so would the copy be.
      await chmod(file, 0o644);
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Makes a file under a temporary name first, so that nobody uses half of it. */
async function appear(name, make) {
  const unfinished = join(folder, `${name}.${process.pid}.unfinished`);
  try {
    await make(unfinished);
    await rename(unfinished, join(folder, name));
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** The standard output of the Go command; its progress goes to standard error. */
function run(go, cwd, ...parameters) {
  const { status, error, stdout } = spawnSync(go, parameters, {
    cwd,
    env: { ...process.env, GOWORK: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`"go ${parameters.join(' ')}" failed`, { cause: error });
  return stdout;
}

/** Go 1.21 fetches the toolchain that a module asks for; an older one only fails on it. */
function findGo() {
  for (const go of ['go', '/usr/local/go/bin/go']) {
    const { status, stdout } = spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' });
    const [, minor] = (status === 0 && /^go1\.(\d+)/.exec(stdout.trim())) || [];
    if (Number(minor) >= 21) return go;
  }
  return undefined;
}

function fail(code, message) {
  console.error(message);
  process.exit(code);
}
