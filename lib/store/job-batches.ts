/** Larger statements cost more per row to parse, and hold their locks for longer. */
const MAX_BATCH_ROWS = 500;
/** Well below the packet sizes that servers accept by default (16 MiB for MariaDB). */
const MAX_BATCH_CHARS = 2 * 1024 * 1024;

/** What to do with an error of a batch. */
export interface BatchErrors<T> {
  /** Whether the values of one row are to blame; any other error is thrown as it is. */
  isRowError(error: unknown): boolean;
  /** Called with the row to blame, which is then missing from the answer; may throw instead. */
  leaveOut(row: T, error: unknown): void;
}

/**
 * Runs `run` on batches of `rows` and returns all the gids that it returned. A batch that fails because of one row's
 * values is split in halves, down to that row, so the row does not hold up the others.
 */
export async function inBatches<T extends { readonly gid: string; readonly steps?: string }>(
  rows: readonly T[],
  run: (batch: readonly T[]) => Promise<Set<string>>,
  errors: BatchErrors<T>,
): Promise<Set<string>> {
  let gids = new Set<string>();
  const runOne = async (batch: readonly T[]): Promise<void> => {
    const done = await run(batch);
    if (gids.size === 0) gids = done;
    else for (const gid of done) gids.add(gid);
  };
  await inHalves(batchesOf(rows), runOne, errors);
  return gids;
}

/** Runs `run` on the batches, the last one first. One that fails because of one of its rows is split in halves, down to that row. */
export async function inHalves<T>(
  batches: readonly (readonly T[])[],
  run: (batch: readonly T[]) => Promise<unknown>,
  errors: BatchErrors<T>,
): Promise<void> {
  const waiting = [...batches];
  for (let batch = waiting.pop(); batch; batch = waiting.pop()) {
    try {
      await run(batch);
    } catch (error) {
      if (!errors.isRowError(error)) throw error;
      if (batch.length === 1) {
        errors.leaveOut(batch[0]!, error);
        continue;
      }
      const middle = Math.ceil(batch.length / 2);
      waiting.push(batch.slice(middle), batch.slice(0, middle));
    }
  }
}

/** The batches from the last to the first, so that they can be popped. */
function batchesOf<T extends { readonly steps?: string }>(rows: readonly T[]): (readonly T[])[] {
  const batches: T[][] = [];
  let chars = 0;
  for (const row of rows) {
    const batch = batches.at(-1);
    chars += row.steps?.length ?? 0;
    if (!batch || batch.length === MAX_BATCH_ROWS || chars > MAX_BATCH_CHARS) {
      batches.push([row]);
      chars = row.steps?.length ?? 0;
    } else {
      batch.push(row);
    }
  }
  return batches.reverse();
}
