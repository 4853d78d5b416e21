import { fileURLToPath } from 'node:url';
import { attacks } from './attacks/index.js';
import { BuildCopy } from './build-copy.js';
import { hasDtm } from './dtm-server.js';
import { readOptions } from './options.js';
import { startOwnMariaDb, startOwnPostgres } from './own-servers.js';
import { Random } from './random.js';
import { reportOf } from './report.js';
import { Results } from './results.js';
import type { Surroundings } from './run.js';
import { serverVersions } from './server-versions.js';
import { nameOf, type Backend, type Placement, type Target } from './target.js';
import { FORBIDDEN, inTime, isClean, type Verdict } from './verdict.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const options = readOptions(process.argv.slice(2));
// Its servers, processes and folders are removed with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const results = options.output === undefined ? undefined : new Results(options.output);
if (options.report !== undefined) process.stdout.write(reportOf(new Results(options.report)));
else process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  const copy = BuildCopy.create(repository);
  const own = {
    postgres: options.backends.includes('postgres') ? await startOwnPostgres() : undefined,
    mariadb: options.backends.includes('mariadb') ? await startOwnMariaDb() : undefined,
  };
  const surroundings: Surroundings = {
    repository,
    root: copy.root,
    servers: {
      postgres: own.postgres?.url ?? process.env.DATABASE_URL,
      mariadb: own.mariadb?.url ?? process.env.MYSQL_URL,
    },
    own,
    rate: options.rate,
  };
  results?.addRun('proof', process.argv.slice(2), options.rate, await serverVersions(surroundings.servers));
  console.log(`seed ${options.seed}`);
  let clean = true;
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const target of targets(surroundings)) {
        for (const attack of attacks) {
          if (!options.only.includes(attack.name) || !attack.fits(target, surroundings)) continue;
          const lacking = attack.lacks?.();
          if (lacking === undefined) clean = (await runAttack(surroundings, target, attack, round)) && clean;
          else console.log(`skipped: ${attack.name}: ${nameOf(target)}: ${lacking}`);
        }
      }
    }
  } finally {
    await own.postgres?.stop();
    await own.mariadb?.stop();
    copy.remove();
  }
  console.log(clean ? 'Nothing was found.' : 'Guarantees were broken, see above.');
  return clean;
}

async function runAttack(
  surroundings: Surroundings,
  target: Target,
  attack: (typeof attacks)[number],
  round: number,
): Promise<boolean> {
  const title = `${attack.name}: ${nameOf(target)}`;
  // Each part has its own seed, so that it can be repeated alone.
  const random = new Random(options.seed + round * 7919 + hash(title));
  const started = Date.now();
  let clean = true;
  const report = (verdict: Verdict, figures: object = {}, part?: string): void => {
    const ok = isClean(verdict) && inTime(figures);
    clean &&= ok;
    const name = part === undefined ? title : `${title} (${part})`;
    print(name, verdict, figures, ok);
    results?.addRecord(name, started, {
      attack: attack.name,
      part,
      target,
      seed: options.seed,
      round,
      seconds: options.seconds,
      verdict,
      figures: { ...figures },
    });
  };
  try {
    await attack.run({ target, random, seconds: options.seconds, surroundings, report });
  } catch (error) {
    console.error(`${title}: the attack itself failed:`, error);
    return false;
  }
  return clean;
}

function print(title: string, verdict: Verdict, figures: object, ok: boolean): void {
  const { committed, rolledBack, plainSteps, plainRepeated, recovery, forbidden, zombieOverlaps } = verdict;
  const broken = FORBIDDEN.filter((kind) => forbidden[kind] > 0).map((kind) => `${kind} ${forbidden[kind]}`);
  console.log(
    `${ok ? 'ok  ' : 'FAIL'} ${title}: ${committed} jobs committed, ${rolledBack} rolled back (${verdict.unanswered} unanswered), ` +
      `${plainRepeated} of ${plainSteps} plain steps repeated ${JSON.stringify(verdict.repeatedBecause)}, zombies ${zombieOverlaps}, ` +
      `recovery ${recovery ? `${recovery.median}/${recovery.p99}/${recovery.max} ms (bound ${recovery.bound})` : '-'} ` +
      `${JSON.stringify(figures)}${broken.length > 0 ? ` BROKEN: ${broken.join(', ')}` : ''}`,
  );
  if (Object.keys(verdict.errors).length > 0) console.log(`       errors: ${JSON.stringify(verdict.errors)}`);
  for (const violation of verdict.violations) console.log(`       ${violation}`);
}

function targets(surroundings: Surroundings): Target[] {
  const found: Target[] = [];
  for (const backend of options.backends) {
    const server =
      backend === 'sqlite' ? 'a file' : surroundings.servers[backend as Exclude<Backend, 'sqlite'>];
    if (server === undefined) {
      console.log(`skipped: there is no ${backend} server`);
      continue;
    }
    for (const placement of ['one', 'two', 'dtm'] as Placement[]) {
      if (!options.placements.includes(placement)) continue;
      if (placement === 'dtm' && (backend !== 'postgres' || !hasDtm(repository))) continue;
      found.push({ backend, placement });
    }
  }
  return found;
}

function hash(text: string): number {
  let value = 0;
  for (const character of text) value = (Math.imul(value, 31) + character.codePointAt(0)!) | 0;
  return Math.abs(value) % 100_000;
}
