/** What a statement of the library is for. */
export type Kind =
  | 'claims'
  | 'renewals'
  | 'starts'
  | 'progress'
  | 'notifications'
  | 'heartbeats'
  | 'counts'
  | 'fleet reads'
  | 'controls'
  | 'housekeeping'
  | 'others';

const BRACKET = /^(BEGIN|START TRANSACTION|SET TRANSACTION|COMMIT|ROLLBACK|SELECT set_config)/i;

/** The first that fits decides. */
const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/stepping_controls/, 'controls'],
  [/^(INSERT INTO|UPDATE|DELETE FROM) \S*stepping_processes/, 'heartbeats'],
  [/stepping_processes/, 'fleet reads'],
  [/^(INSERT INTO|DELETE FROM) \S*stepping_stats/, 'counts'],
  [/stepping_stats|MAX_EXECUTION_TIME.* AS .now/, 'fleet reads'],
  [/AS oldest GROUP BY|AS later GROUP BY|AS failures$/, 'fleet reads'],
  [/^SELECT .{1,90} AS "now"$|advisory_xact_lock|_LOCK\(/, 'counts'],
  [/pg_notify|^LISTEN/, 'notifications'],
  [
    /stepping_audit|^WITH page AS|^SELECT DISTINCT step_name|^WITH locked .* DELETE FROM|^DELETE FROM/,
    'housekeeping',
  ],
  [/^INSERT INTO \S*stepping_jobs/, 'starts'],
  [/AS dueFor|"dueFor"|mark = CASE WHEN|^SELECT gid, steps FROM/, 'claims'],
  [/status IN \('submitted', 'prepared'\)|SET due_at =/, 'renewals'],
  [/stepping_jobs/, 'progress'],
];

export function oneLine(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim();
}

/** Undefined for what opens or closes a transaction, which counts as what is done in it. */
export function kindOf(sql: string): Kind | undefined {
  if (BRACKET.test(sql)) return undefined;
  return KINDS.find(([pattern]) => pattern.test(sql))?.[1] ?? 'others';
}

/** The statement of a claim that answers with the jobs. */
export function findsJobs(sql: string): boolean {
  return /AS dueFor|"dueFor"/.test(sql);
}
