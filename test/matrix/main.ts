// Runs the packed library with every combination of versions and kinds of application, and prints what came of it.
// `npm run matrix` fails when something does, or when the README holds another table; `npm run matrix -- --write`
// puts the table there.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installations, nodeVersions, variants, type NodeVersion, type Versions } from './cells.js';
import { killAll } from './command.js';
import { startDtm } from './dtm.js';
import { Installation, pack, repository } from './installation.js';
import { findNode, type NodeProgram } from './node-program.js';
import { smoke } from './smoke.js';
import { markdown, tableOf, withTable, type Cell, type Failure, type Row } from './table.js';
import { Turns } from './turns.js';

/** As many things at once as the smallest machine has cores. */
const turns = new Turns(2);
const readmeFile = join(repository, 'README.md');

function report(text: string): void {
  console.log(`[${Math.round(performance.now() / 1000)} s] ${text}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function told<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    const result = await turns.run(work);
    report(what);
    return result;
  } catch (error) {
    report(`FAILED: ${what}: ${messageOf(error)}`);
    throw error;
  }
}

if (!process.env.DATABASE_URL) throw new Error('DATABASE_URL must name a PostgreSQL server');
// Read first: without its markers there would be no place for ten minutes' work.
const present = tableOf(await readFile(readmeFile, 'utf8'));

const root = await mkdtemp(join(tmpdir(), 'stepping-matrix-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Whatever runs fails by that, and takes its schema with it.
  process.once(signal, () => {
    interrupted = true;
    turns.close();
    killAll();
  });
}

const dtm = await startDtm(root);
const tarball = await pack(root);
const nodes = new Map<NodeVersion, Promise<NodeProgram>>(
  nodeVersions.map((version) => [version, told(`Node ${version}`, () => findNode(root, version))]),
);

async function runCell(
  wanted: Versions,
  version: NodeVersion,
  installed: Promise<Installation>,
): Promise<Cell> {
  const results = await Promise.all(
    variants.map(async (variant): Promise<Failure[]> => {
      try {
        const place = { installation: await installed, node: await nodes.get(version)! };
        const { kind, platform, store } = variant;
        const name = `NestJS ${wanted.nest}, TypeORM ${wanted.typeorm}, Node ${version}, ${kind}, ${platform}, ${store}`;
        await told(name, () => smoke(place, variant, dtm.httpUrl));
        return [];
      } catch (error) {
        return [{ variant, reason: messageOf(error) }];
      }
    }),
  );
  return { node: version, failures: results.flat() };
}

async function runRow(wanted: Versions): Promise<Row> {
  const installed = told(`installed NestJS ${wanted.nest} with TypeORM ${wanted.typeorm}`, () =>
    Installation.make(root, wanted, tarball),
  );
  const cells = await Promise.all(nodeVersions.map((version) => runCell(wanted, version, installed)));
  const versions = await installed.then(
    (installation) => installation.versions,
    () => undefined,
  );
  return { wanted, installed: versions, cells };
}

const rows = await Promise.all(installations.map(runRow));
await dtm.kill();

const table = markdown(rows);
const failed = rows.flatMap(({ cells }) => cells).flatMap(({ failures }) => failures).length;
const all = rows.length * nodeVersions.length * variants.length;
console.log(`\n${table}\n`);
report(`${all - failed} of ${all} applications passed`);

let sound = failed === 0 && !interrupted;
if (process.argv.includes('--write') && !interrupted) {
  await writeFile(readmeFile, withTable(await readFile(readmeFile, 'utf8'), table));
} else if (table !== present) {
  sound = false;
  report('README.md holds another table: npm run matrix -- --write puts this one there');
}
process.exit(sound ? 0 : 1);
