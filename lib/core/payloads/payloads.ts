import { LineLogger } from '../line-logger.js';
import { errorLabel } from '../../errors/error-label.js';
import { errorReport, errorText, propertyOf } from '../../errors/error-text.js';
import { PayloadCodecError, PayloadCorruptError, PayloadKeyUnknownError } from '../../errors/index.js';
import { APPLICATION_PATIENCE_MS } from '../patience.js';
import { within } from '../within.js';
import { mayRequestKeys, withoutKeyRequests } from './key-requests.js';
import type { PayloadCodec, PayloadContext } from './payload-codec.js';
import {
  encodedArgs,
  encodedError,
  encodedInError,
  isEncodedError,
  plainError,
  plainInError,
  type EncodedText,
} from './stored-forms.js';

const MIN_PATIENCE_MS = 1000;
/** What a job keeps of an error: its message, the top of its stack, and its causes. */
const MAX_ERROR_LENGTH = 4000;
/** Some columns hold 64 kB. */
const MAX_ENCODED_ERROR_LENGTH = 60_000;
/** A problem is logged once; with more of them, the first ones may be logged again. */
const MAX_REPORTED = 1000;

const CODES = {
  KEY_UNKNOWN: 'STEPPING_PAYLOAD_KEY_UNKNOWN',
  CORRUPT: 'STEPPING_PAYLOAD_CORRUPT',
  CODEC: 'STEPPING_PAYLOAD_CODEC',
} as const;

/**
 * When the patience with the codec is over, by `performance.now()`: for one text, or for all of one job or page. A grace period may be
 * none at all.
 */
export function untilPatienceEnds(patience = APPLICATION_PATIENCE_MS): number {
  return performance.now() + Math.max(patience, MIN_PATIENCE_MS);
}

/** The codec of the application, bounded in time, and what is stored without one. */
export class Payloads {
  private readonly logger = new LineLogger('PayloadCodec');
  private readonly reported = new Set<string>();

  constructor(
    private readonly codec: PayloadCodec | undefined,
    /** Whether the caller is inside a transaction of the application. */
    private readonly insideTransaction: () => boolean = () => false,
    /** Nobody can give this process a codec, so it is not asked for. */
    private readonly isProgram = false,
  ) {}

  /** Whether texts are encoded. */
  get encodes(): boolean {
    return this.codec !== undefined;
  }

  /** @throws PayloadKeyUnknownError, PayloadCodecError when the codec cannot be used. */
  async load(): Promise<void> {
    const { codec } = this;
    if (codec?.load === undefined) return;
    try {
      const loaded = (async () => codec.load!())().then(() => true);
      if (await within(APPLICATION_PATIENCE_MS, loaded)) return;
    } catch (cause) {
      if (isPayloadError(cause)) throw cause;
      throw new PayloadCodecError('load', `it has thrown (${errorLabel(cause)})`, { cause });
    }
    throw late('load', APPLICATION_PATIENCE_MS);
  }

  /**
   * The arguments as they are stored, as JSON.
   *
   * @throws PayloadCodecError, PayloadKeyUnknownError.
   */
  async encodeArgs(json: string, context: PayloadContext, until: number): Promise<string> {
    return encodedArgs(await this.encode(json, context, until));
  }

  /**
   * The text that was encoded.
   *
   * @throws PayloadKeyUnknownError, PayloadCorruptError, PayloadCodecError.
   */
  async decode({ text, tenant }: EncodedText, context: PayloadContext, until: number): Promise<string> {
    const { codec } = this;
    if (!codec) throw new PayloadKeyUnknownError(undefined, "this process has no 'codec'");
    const complete = tenant === undefined ? context : { ...context, tenant };
    try {
      return await this.answer('decode', () => codec.decode(text, complete), until);
    } catch (cause) {
      if (isPayloadError(cause)) throw cause;
      throw new PayloadCorruptError(`the codec has refused it (${errorLabel(cause)})`, { cause });
    }
  }

  /** The text of an error as it is stored: a job is never lost for the sake of it. Never rejects. */
  reportOf(
    error: unknown,
    context: Omit<PayloadContext, 'purpose'>,
    patience: number,
  ): string | Promise<string> {
    // What the library says of a text that cannot be decoded holds nothing of it, and must be readable without the key.
    if (isPayloadError(error)) return plainError(errorLabel(error));
    const report = errorReport(error, MAX_ERROR_LENGTH);
    return this.encodes ? this.encodeReport(report, error, context, patience) : plainError(report);
  }

  /** The text of an error as it was; where it cannot be decoded, why. The name of its class is not encoded. */
  async readReport(
    stored: string,
    name: string | null | undefined,
    context: Omit<PayloadContext, 'purpose'>,
    until: number,
  ): Promise<string> {
    if (!isEncodedError(stored)) return plainInError(stored);
    if (this.isProgram) return `${name || 'Error'} (its text is encoded)`;
    try {
      const encoded = encodedInError(stored);
      if (!encoded) throw new PayloadCorruptError('it is no JSON any more');
      return await this.decode(encoded, { ...context, purpose: 'error' }, until);
    } catch (error) {
      return `The text of the error cannot be shown: ${errorLabel(error)}`;
    }
  }

  /** What a log tells of an error of the application: with a codec, no texts. */
  loggable(error: unknown): string {
    return this.encodes ? errorLabel(error) : errorText(error);
  }

  /** Logs that a job cannot be decoded: once for a key, and for a damaged job. */
  reportUndecodable(gid: string, error: unknown): void {
    const code = String(propertyOf(error, 'code'));
    const key = code === CODES.KEY_UNKNOWN ? String(propertyOf(error, 'keyId')) : gid;
    const problem = `${code} ${key}`;
    if (this.reported.has(problem)) return;
    if (this.reported.size === MAX_REPORTED) this.reported.clear();
    this.reported.add(problem);
    const others = code === CODES.KEY_UNKNOWN ? ' Others with this key are not logged.' : '';
    this.logger.error(
      `Job ${gid} cannot be decoded, and is kept for a process that can: ${errorLabel(error)}${others}`,
    );
  }

  private async encode(text: string, context: PayloadContext, until: number): Promise<EncodedText> {
    const codec = this.codec!;
    try {
      const encoded = await this.answer('encode', () => codec.encode(text, context), until);
      return context.tenant === undefined ? { text: encoded } : { text: encoded, tenant: context.tenant };
    } catch (cause) {
      if (isPayloadError(cause)) throw cause;
      throw new PayloadCodecError('encode', `it has thrown (${errorLabel(cause)})`, { cause });
    }
  }

  private async encodeReport(
    report: string,
    error: unknown,
    context: Omit<PayloadContext, 'purpose'>,
    patience: number,
  ): Promise<string> {
    let why = 'it is too long';
    try {
      const encoded = await this.encode(
        report,
        { ...context, purpose: 'error' },
        untilPatienceEnds(patience),
      );
      const stored = encodedError(encoded);
      if (stored.length <= MAX_ENCODED_ERROR_LENGTH) return stored;
    } catch (problem) {
      why = errorLabel(problem);
    }
    return plainError(`${errorLabel(error)}; its text cannot be encoded: ${why}`);
  }

  /** Waits for an answer as long as there is time. */
  private async answer(
    operation: 'encode' | 'decode',
    ask: () => string | Promise<string>,
    until: number,
  ): Promise<string> {
    const given = mayRequestKeys() && this.insideTransaction() ? withoutKeyRequests(ask) : ask();
    if (typeof given === 'string') return given;
    const patience = Math.max(0, Math.round(until - performance.now()));
    const settled = await within(
      patience,
      Promise.resolve(given).then((text: unknown) => ({ text })),
    );
    if (!settled) throw late(operation, patience);
    if (typeof settled.text === 'string') return settled.text;
    throw new PayloadCodecError(operation, `its answer is no text but of type ${typeof settled.text}`);
  }
}

/** By code: a codec may have it from another copy of the library. */
export function isPayloadError(error: unknown): boolean {
  const code = propertyOf(error, 'code');
  return code === CODES.KEY_UNKNOWN || code === CODES.CORRUPT || code === CODES.CODEC;
}

/** Why arguments cannot be shown. Nothing is said against a text whose codec did not answer. */
export function argsErrorOf(error: unknown): 'KEY_UNKNOWN' | 'CORRUPT' {
  return propertyOf(error, 'code') === CODES.CORRUPT ? 'CORRUPT' : 'KEY_UNKNOWN';
}

function late(operation: 'encode' | 'decode' | 'load', patience: number): PayloadCodecError {
  return new PayloadCodecError(operation, `it has not settled within ${patience} ms`);
}
