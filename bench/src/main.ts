import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { installLibrary } from './library.ts';
import { parseOptions, type WorkloadLetter } from './options.ts';
import { tableOf } from './report.ts';
import { Databases, describeMysql } from './server/databases.ts';
import { OwnPostgres } from './server/own-postgres.ts';
import { placing } from './workloads/a-and-b-placing.ts';
import type { Bench, WorkloadResult } from './workloads/bench.ts';
import { draining } from './workloads/c-draining.ts';
import { latency } from './workloads/d-latency.ts';
import { crowded } from './workloads/e-crowded.ts';
import { databases } from './workloads/f-databases.ts';
import { memory } from './workloads/g-memory.ts';
import { shards } from './workloads/h-shards.ts';

const WORKLOADS: Record<WorkloadLetter, (bench: Bench) => Promise<WorkloadResult[]>> = {
  A: async (bench) => [await placing(bench, 'A')],
  B: async (bench) => [await placing(bench, 'B')],
  C: draining,
  D: latency,
  E: crowded,
  F: databases,
  G: memory,
  H: shards,
};

const PACKAGES = [
  'typeorm',
  'pg',
  'mysql2',
  'better-sqlite3-napi',
  'pg-boss',
  'graphile-worker',
  '@dbos-inc/dbos-sdk',
  'bullmq',
];
const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

const options = parseOptions(process.argv.slice(2));
installLibrary(options.library);
if (options.compare) installLibrary(options.compare, 'nestjs-stepping-compared');

const postgres = await OwnPostgres.start();
const stopAndExit = () => void postgres.stop().finally(() => process.exit(130));
process.once('SIGINT', stopAndExit);
process.once('SIGTERM', stopAndExit);
try {
  const bench: Bench = { options, postgres, databases: new Databases(postgres) };
  const environment = await describe();
  console.log(environment.map((text) => `- ${text}`).join('\n') + '\n');
  const results: WorkloadResult[] = [];
  for (const workload of options.workloads) {
    for (const result of await WORKLOADS[workload](bench)) {
      results.push(result);
      console.log(tableOf(result));
    }
  }
  mkdirSync(RESULTS, { recursive: true });
  const file = `${RESULTS}/${new Date().toISOString().replace(/[:.]/g, '-')}.json`;
  writeFileSync(file, JSON.stringify({ environment, options, results }, null, 2));
  console.error(`Written to ${file}`);
} finally {
  await postgres.stop();
}

async function describe(): Promise<string[]> {
  const processors = cpus();
  const lines = [
    `${processors.length} x ${processors[0]!.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform}`,
    `Node.js ${process.version}; ${PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
    await postgres.describe(),
    `${options.rounds} rounds, interleaved; 16 producers; ${options.warmUp} jobs to warm up`,
  ];
  if (options.workloads.includes('F')) lines.push(await describeMysql());
  return lines;
}

function versionOf(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
