import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { TIMING } from './scene.js';
import type { Target } from './target.js';
import type { Verdict } from './verdict.js';

/** The command and environment of a run. */
export interface RunSettings {
  readonly command: string;
  readonly node: string;
  readonly processors: string;
  readonly memoryGb: number;
  readonly servers: readonly string[];
  readonly lease: number;
  readonly interval: number;
  readonly rate: number;
}

/** What one attack on one target did, and what was found. */
export interface ProofRecord {
  readonly attack: string;
  /** Of the attack, where it reports in parts. */
  readonly part?: string | undefined;
  readonly target: Target;
  readonly seed: number;
  readonly round: number;
  readonly seconds: number;
  readonly tookMs: number;
  readonly verdict: Verdict;
  readonly figures: Readonly<Record<string, unknown>>;
}

const SETTINGS_FILE = 'run.json';

/** A folder with a file for each run, and one for each attack on each target. */
export class Results {
  constructor(private readonly folder: string) {}

  /** @param script of the package that was run, such as `proof`. */
  addRun(script: string, args: readonly string[], rate: number, servers: readonly string[]): void {
    const processors = cpus();
    const settings: RunSettings = {
      command: `npm run ${script} -- ${args.join(' ')}`.replace(/--output \S+/, '--output results'),
      node: process.version,
      processors: `${processors.length} x ${processors[0]?.model.trim() || 'processor'}`,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      servers,
      lease: TIMING.lease,
      interval: TIMING.interval,
      rate,
    };
    this.write(`${Date.now()}-${SETTINGS_FILE}`, settings);
  }

  /** @param title of the attack and what it was made on. */
  addRecord(title: string, started: number, record: Omit<ProofRecord, 'tookMs'>): void {
    this.write(`${started}-${title.replace(/[^a-z0-9]+/gi, '-')}.json`, {
      ...record,
      tookMs: Date.now() - started,
    } satisfies ProofRecord);
  }

  get records(): ProofRecord[] {
    return this.files(false) as ProofRecord[];
  }

  get runs(): RunSettings[] {
    return this.files(true) as RunSettings[];
  }

  private files(ofRuns: boolean): unknown[] {
    return readdirSync(this.folder)
      .filter((file) => file.endsWith('.json') && file.endsWith(SETTINGS_FILE) === ofRuns)
      .sort()
      .map((file) => JSON.parse(readFileSync(join(this.folder, file), 'utf8')) as unknown);
  }

  private write(file: string, content: RunSettings | ProofRecord): void {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, file), `${JSON.stringify(content, null, 1)}\n`);
  }
}
