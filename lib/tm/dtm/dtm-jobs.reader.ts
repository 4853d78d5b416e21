import type { DtmBranch, DtmJob, DtmPage, DtmTransaction } from './dtm-job.js';

type Fields = Readonly<Record<string, unknown>>;

/** What DTM leaves out, or has as `null`, where it knows nothing. */
const TEXTS = ['rollback_reason', 'custom_data', 'query_prepared', 'options'] as const;
const TIMES = ['create_time', 'finish_time', 'rollback_time', 'next_cron_time'] as const;

/**
 * Reads DTM's answer about one job.
 *
 * @returns null for no job; undefined for what is not such an answer.
 */
export function readJob(content: Fields, gid: string): DtmJob | null | undefined {
  if (content.transaction === null) return null;
  const transaction = readTransaction(content.transaction);
  const branches = readAll(content.branches, readBranch);
  return transaction?.gid === gid && branches ? { transaction, branches } : undefined;
}

/** Reads a page of jobs; undefined for what is none. */
export function readPage({ transactions: listed, next_position: next = '' }: Fields): DtmPage | undefined {
  const transactions = listed === undefined ? undefined : readAll(listed, readTransaction);
  return transactions && typeof next === 'string' ? { transactions, next: next || undefined } : undefined;
}

function readTransaction(value: unknown): DtmTransaction | undefined {
  const { gid, trans_type, status, ...others } = fieldsOf(value);
  if (typeof gid !== 'string' || typeof trans_type !== 'string' || typeof status !== 'string')
    return undefined;
  const known = [...TEXTS, ...TIMES].map((name) => [name, others[name] ?? undefined] as const);
  const isReadable = known.every(([, text]) => text === undefined || typeof text === 'string');
  const isTime = (text: unknown) => text === undefined || !Number.isNaN(Date.parse(text as string));
  const optional = Object.fromEntries(known.filter(([, text]) => text !== undefined));
  if (!isReadable || !TIMES.every((name) => isTime(optional[name]))) return undefined;
  return { ...optional, gid, trans_type, status: status as DtmTransaction['status'] };
}

function readBranch(value: unknown): DtmBranch | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { branch_id = '', op = '', url = '', status = '', bin_data } = value as Fields;
  const data = bin_data ?? '';
  const texts = [branch_id, op, url, status, data];
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  return { branch_id, op, url, status, bin_data: data } as DtmBranch;
}

/** Each element of a list, which may be `null` where it is empty; undefined if one of them cannot be read. */
function readAll<T>(list: unknown, read: (value: unknown) => T | undefined): T[] | undefined {
  const values: unknown = list ?? [];
  if (!Array.isArray(values)) return undefined;
  const found = values.map(read).filter((value) => value !== undefined);
  return found.length === values.length ? found : undefined;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
