/** `npm run engines:<name>`: brings an engine up, runs its suites, kills what runs on it, and takes it down. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BuildCopy } from '../build-copy.js';
import { Results } from '../results.js';
import { nameOf, type Placement } from '../target.js';
import { crashRun, linesOf } from './crash-run.js';
import type { Engine } from './engine.js';
import { engines } from './index.js';
import { runSuites } from './suites.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
// Servers, processes and folders are removed with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      seconds: { type: 'string', default: '120' },
      rate: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      suites: { type: 'boolean', default: true },
      only: { type: 'string', multiple: true },
      output: { type: 'string' },
    },
  });
  const engine = engineOf(positionals);
  const lacking = engine.lacks();
  if (lacking !== undefined) throw new Error(`${engine.name} cannot run here: ${lacking}`);
  const [seconds, rate, seed] = [values.seconds, values.rate, values.seed].map(numberOf) as [
    number,
    number,
    number,
  ];
  const results = values.output === undefined ? undefined : new Results(values.output);
  const log = (line: string): void => console.log(line);
  const copy = BuildCopy.create(repository);
  const settings = { repository, root: copy.root, rate, seed };
  const running = await engine.start({ repository, log });
  let clean = true;
  try {
    log(`${engine.name}: ${running.version}; seed ${seed}`);
    results?.addRun(`engines:${engine.name}`, process.argv.slice(3), rate, [running.version]);
    const suites = values.only ?? running.suites;
    if (values.suites && suites.length > 0) clean = await runSuites({ ...running, suites }, repository);
    const placements: readonly Placement[] = engine.placements ?? ['one'];
    for (const placement of placements) {
      const share = seconds / placements.length;
      const started = Date.now();
      const result = await crashRun(running, { ...settings, name: engine.name, placement, seconds: share });
      linesOf(result).forEach(log);
      const { target, verdict, figures } = result;
      results?.addRecord(`kill: ${nameOf(target)}`, started, {
        attack: 'kill',
        target,
        seed,
        round: 1,
        seconds: share,
        verdict,
        figures,
      });
      clean &&= result.clean;
    }
    const further = await running.further?.(settings);
    further?.lines.forEach(log);
    clean &&= further?.clean ?? true;
  } finally {
    await running.stop();
    copy.remove();
  }
  return clean;
}

function engineOf([name, ...rest]: readonly string[]): Engine {
  const engine = engines.find((candidate) => candidate.name === name);
  if (engine && rest.length === 0) return engine;
  throw new Error(`Name one engine: ${engines.map((known) => known.name).join(', ')}`);
}

function numberOf(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`This is no number: ${text}`);
  return value;
}
