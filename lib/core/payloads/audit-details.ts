import { isRecord } from '../options.js';
import { readStored } from './job-payloads.js';
import { untilPatienceEnds, type Payloads } from './payloads.js';
import { encodedIn, isEncoded } from './stored-forms.js';

/** Arguments that somebody has replaced. */
export interface ReplacedArgs {
  readonly gid: string;
  readonly stepIndex: number;
  /** As they were stored with the job. */
  readonly args: unknown;
  readonly tenant: string | undefined;
}

/**
 * What the audit keeps of arguments that were replaced, encoded if the application has a codec. What cannot be decoded here is kept
 * as it was stored: damaged arguments are a reason to replace them.
 *
 * @throws PayloadCodecError, PayloadKeyUnknownError where they cannot be encoded.
 */
export async function detailOfEdit(payloads: Payloads, replaced: ReplacedArgs): Promise<string> {
  const { gid, stepIndex, args, tenant = encodedIn(args)?.tenant } = replaced;
  if (args === undefined) return JSON.stringify({ stepIndex });
  if (!payloads.encodes) return JSON.stringify({ stepIndex, [keyOf(args)]: args });
  const until = untilPatienceEnds();
  let value: unknown;
  try {
    value = await readStored(payloads, args, { gid, stepIndex, purpose: 'args' }, until);
  } catch {
    return JSON.stringify({ stepIndex, kept: args });
  }
  const context = { gid, stepIndex, purpose: 'audit', ...(tenant !== undefined && { tenant }) } as const;
  return `{"stepIndex":${stepIndex},"args":${await payloads.encodeArgs(JSON.stringify(value), context, until)}}`;
}

/** What the audit tells of its entry; undefined where that cannot be decoded. */
export async function readDetail(
  payloads: Payloads,
  gid: string | null,
  stored: string,
  until: number,
): Promise<unknown> {
  try {
    const detail: unknown = JSON.parse(stored);
    if (gid === null || !isRecord(detail) || !Number.isInteger(detail.stepIndex)) return detail;
    const { stepIndex, args, kept, ...rest } = detail as {
      stepIndex: number;
      args?: unknown;
      kept?: unknown;
    };
    if (args === undefined && kept === undefined) return detail;
    const purpose = kept === undefined ? 'audit' : 'args';
    const read = await readStored(payloads, args ?? kept, { gid, stepIndex, purpose }, until);
    return { stepIndex, ...rest, args: read };
  } catch {
    return undefined;
  }
}

/** Encoded arguments say what they were encoded for. */
function keyOf(args: unknown): 'args' | 'kept' {
  return isEncoded(args) ? 'kept' : 'args';
}
