/**
 * For the transaction of a read. Whatever the statistics of the tables say, it goes along an index and stops at its limit; other plans
 * read all rows of a kind first.
 */
export const FOR_READS = `
      SELECT set_config('statement_timeout', '2s', true), set_config('enable_seqscan', 'off', true),
             set_config('enable_bitmapscan', 'off', true)`;
