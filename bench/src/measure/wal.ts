import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { OwnPostgres } from '../server/own-postgres.ts';

const run = promisify(execFile);

export interface WalUse {
  /** Bytes, without the page images that follow a checkpoint. */
  readonly bytes: number;
  /** Bytes of page images: they depend on when the last checkpoint was. */
  readonly imageBytes: number;
  /** Transactions that wrote something and committed. */
  readonly commits: number;
  /** Bytes by kind of record, the largest first. */
  readonly kinds: readonly { readonly kind: string; readonly records: number; readonly bytes: number }[];
}

/** Reads what was written to the log between two positions, record by record. */
export async function walUse(postgres: OwnPostgres, from: string, to: string): Promise<WalUse> {
  if (from === to) return { bytes: 0, imageBytes: 0, commits: 0, kinds: [] };
  const { stdout } = await run(postgres.binary('pg_waldump'), [
    '--stats=record',
    `--path=${postgres.walFolder}`,
    `--start=${from}`,
    `--end=${to}`,
  ]);
  const kinds = [];
  let bytes = 0;
  let imageBytes = 0;
  let commits = 0;
  for (const line of stdout.split('\n')) {
    const match = /^(\w+\/[\w+]+)\s+(\d+) \([^)]*\)\s+(\d+) \([^)]*\)\s+(\d+) /.exec(line);
    if (!match) continue;
    const [, kind, records, size, images] = match as unknown as [string, string, string, string, string];
    bytes += Number(size);
    imageBytes += Number(images);
    if (kind === 'Transaction/COMMIT') commits += Number(records);
    kinds.push({ kind, records: Number(records), bytes: Number(size) });
  }
  kinds.sort((left, right) => right.bytes - left.bytes);
  return { bytes, imageBytes, commits, kinds };
}
