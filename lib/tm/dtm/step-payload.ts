import type { StoredStep } from '../../core/jobs/job-message.js';
import type { StoredOverrides } from '../../core/steps/step-overrides.js';
import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';
import { SIGNATURE_LENGTH, type CallbackSignature, type SignedCall } from './callback-signature.js';
import { parseJson } from './json.js';
import { isDatabaseLookup } from './query-token.js';

/** What DTM hands back when it calls a step. */
export interface StepPayload {
  readonly step: string;
  /** When the job was started, in milliseconds since 1970, by the clock of the process that started it. */
  readonly time: number;
  /** Where the barrier of the job's transaction is; absent for a job outside any transaction. */
  readonly database?: DatabaseLookup;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
  /** The tenant of a job whose gid is the caller's own. */
  readonly tenant?: string;
  /** What the job wants of the step otherwise. Unchecked: `readOverrides()` reads them. */
  readonly overrides?: StoredOverrides;
  /** Plain JSON data; absent for a step without arguments. */
  readonly args?: unknown;
}

/** What the payloads of a job have in common. */
export type PayloadFrame = Omit<StepPayload, 'step' | 'overrides' | 'args'>;

const BEGIN = Buffer.from('{"signature":"');
const END = Buffer.from('",');
const PREFIX_LENGTH = BEGIN.length + SIGNATURE_LENGTH + END.length;
const BRACE = 0x7b;

/**
 * The payload of one step as JSON text. Its signature is its first member, always at the same place: it is checked
 * over the bytes that arrive, before anything of them is parsed.
 */
export function sealStep(
  call: SignedCall,
  { name, args, overrides }: StoredStep,
  frame: PayloadFrame,
  signature: CallbackSignature,
): string {
  const head = JSON.stringify({ step: name, ...frame, overrides } satisfies StepPayload);
  // The arguments are JSON already, and travel as they are.
  const text = args === undefined ? head : `${head.slice(0, -1)},"args":${args}}`;
  const signed = signature.sign('action', call, text);
  return signed === undefined ? text : `{"signature":"${signed}",${text.slice(1)}`;
}

/** Whether bytes may begin a payload that was signed, as far as they are there. */
export function mayBeSigned(head: Buffer): boolean {
  const length = Math.min(head.length, BEGIN.length);
  return head.compare(BEGIN, 0, length, 0, length) === 0;
}

/**
 * A payload whose signature fits; `unauthenticated` when it does not, `invalid` when it says nothing of a step. The bytes
 * are the caller's no more.
 */
export function openStep(
  call: SignedCall,
  body: Buffer,
  signature: CallbackSignature,
): StepPayload | 'unauthenticated' | 'invalid' {
  const signed = body.length > PREFIX_LENGTH && mayBeSigned(body);
  if (!signed) return signature.required ? 'unauthenticated' : (readStep(body) ?? 'invalid');
  const given = body.toString('latin1', BEGIN.length, BEGIN.length + SIGNATURE_LENGTH);
  const isWhole = body.subarray(BEGIN.length + SIGNATURE_LENGTH, PREFIX_LENGTH).equals(END);
  // What was signed begins with a brace, which takes the place of the comma here.
  const text = body.subarray(PREFIX_LENGTH - 1);
  text[0] = BRACE;
  if (!isWhole || !signature.accepts('action', call, text, given)) return 'unauthenticated';
  return readStep(text) ?? 'invalid';
}

/** The payload that bytes hold, whoever wrote them. */
function readStep(body: Buffer): StepPayload | undefined {
  const value = parseJson(body.toString()) as Partial<StepPayload> | undefined;
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  const { step, time, database, requestTimeout, tenant } = value;
  if (typeof step !== 'string' || !isPositive(time) || !isPositive(requestTimeout)) return undefined;
  if (database !== undefined && !isDatabaseLookup(database)) return undefined;
  if (tenant !== undefined && typeof tenant !== 'string') return undefined;
  return {
    step,
    time,
    requestTimeout,
    ...(database && { database }),
    ...(tenant !== undefined && { tenant }),
    ...(Object.hasOwn(value, 'overrides') && { overrides: value.overrides }),
    ...(Object.hasOwn(value, 'args') && { args: value.args }),
  };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
