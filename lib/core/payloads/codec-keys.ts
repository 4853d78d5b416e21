import { createSecretKey, KeyObject } from 'node:crypto';
import { errorLabel } from '../../errors/error-label.js';
import { InvalidOptionError, PayloadKeyUnknownError } from '../../errors/index.js';
import { detached } from '../detached.js';
import { isRecord } from '../options.js';
import { within } from '../within.js';
import { mayRequestKeys } from './key-requests.js';

/**
 * A key of 256 bits: 32 bytes, these as base64 or as hexadecimal digits, or a secret `KeyObject` of `node:crypto`.
 *
 * @publicApi
 */
export type KeyLike = string | Uint8Array | KeyObject;

/**
 * The keys of `aesGcmCodec()` by id, or where to ask for them: for all without `ids`, else for these. Ids are 1 to 64 of
 * `[A-Za-z0-9._-]`.
 *
 * @publicApi
 */
export type CodecKeySource =
  | Readonly<Record<string, KeyLike>>
  | ((
      ids?: string[],
    ) =>
      Readonly<Record<string, KeyLike | undefined>> | Promise<Readonly<Record<string, KeyLike | undefined>>>);

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;
/** Less than the codec itself may take. */
const PATIENCE_MS = 5000;

/** The keys that are known, and those that can be asked for. */
export class CodecKeys {
  private readonly known = new Map<string, KeyObject>();
  /** Ids that somebody waits for, each with the request that it is part of. */
  private readonly requests = new Map<string, Promise<void>>();
  private next: { readonly ids: string[]; readonly asked: Promise<void> } | undefined;

  /** @throws InvalidOptionError for what cannot be keys, or lacks the current one. */
  constructor(
    private readonly source: CodecKeySource,
    readonly current: string,
  ) {
    checkKeyId(current, 'current');
    if (typeof source === 'function') return;
    if (!isRecord(source))
      throw InvalidOptionError.hidden('aesGcmCodec.keys', source, 'keys by id, or a function');
    for (const [id, key] of Object.entries(source)) this.add(id, key);
    if (this.known.has(current)) return;
    const expected = `one of ${[...this.known.keys()].join(', ')}`;
    // The key itself may have been written there.
    throw bytesOf(current) === undefined
      ? new InvalidOptionError('aesGcmCodec.current', current, expected)
      : InvalidOptionError.hidden('aesGcmCodec.current', current, expected);
  }

  /** The key, if it is known already. */
  get(id: string): KeyObject | undefined {
    return this.known.get(id);
  }

  /** @throws PayloadKeyUnknownError unless there is a current key then. */
  async load(): Promise<void> {
    if (typeof this.source !== 'function') return;
    try {
      await this.ask(undefined);
    } catch (cause) {
      throw new PayloadKeyUnknownError(this.current, whyNot(cause), { cause });
    }
    if (!this.known.has(this.current)) await this.fetch(this.current);
  }

  /**
   * The key, asked for if it is not known. Ids that are wanted at the same time go into one request.
   *
   * @throws PayloadKeyUnknownError where nobody knows it, and within a transaction.
   */
  async fetch(id: string): Promise<KeyObject> {
    if (typeof this.source !== 'function') throw new PayloadKeyUnknownError(id);
    if (!mayRequestKeys()) {
      throw new PayloadKeyUnknownError(
        id,
        'it is not loaded, and is not asked for while a transaction is open',
      );
    }
    try {
      await this.request(id);
    } catch (cause) {
      throw new PayloadKeyUnknownError(id, whyNot(cause), { cause });
    }
    const key = this.known.get(id);
    if (key) return key;
    throw new PayloadKeyUnknownError(id);
  }

  private request(id: string): Promise<void> {
    const underWay = this.requests.get(id);
    if (underWay) return underWay;
    if (!this.next) {
      const ids: string[] = [];
      this.next = { ids, asked: Promise.resolve().then(() => this.askFor(ids)) };
    }
    this.next.ids.push(id);
    this.requests.set(id, this.next.asked);
    return this.next.asked;
  }

  private async askFor(ids: string[]): Promise<void> {
    this.next = undefined;
    try {
      await this.ask(ids);
    } finally {
      for (const id of ids) this.requests.delete(id);
    }
  }

  private async ask(ids: string[] | undefined): Promise<void> {
    const source = this.source as Extract<CodecKeySource, (...args: never[]) => unknown>;
    const keys = await within(
      PATIENCE_MS,
      detached(async () => (ids === undefined ? source() : source([...ids]))),
    );
    if (keys === undefined) throw new Error(`the function 'keys' gave none within ${PATIENCE_MS} ms`);
    if (!isRecord(keys)) throw InvalidOptionError.hidden('aesGcmCodec.keys()', keys, 'keys by id');
    for (const [id, key] of Object.entries(keys)) if (key !== undefined) this.add(id, key);
  }

  private add(id: string, key: unknown): void {
    checkKeyId(id, 'keys');
    this.known.set(id, keyOf(key, id));
  }
}

export function isKeyId(id: string): boolean {
  return KEY_ID.test(id);
}

function checkKeyId(id: unknown, option: string): void {
  if (typeof id === 'string' && isKeyId(id)) return;
  throw InvalidOptionError.hidden(
    `aesGcmCodec.${option}`,
    id,
    'an id of 1 to 64 letters, digits and . _ - for each key',
  );
}

/** The error never shows the value. */
function keyOf(value: unknown, id: string): KeyObject {
  const bytes = typeof value === 'string' ? bytesOf(value) : value;
  if (bytes instanceof KeyObject && bytes.type === 'secret' && bytes.symmetricKeySize === KEY_BYTES)
    return bytes;
  if (bytes instanceof Uint8Array && bytes.byteLength === KEY_BYTES) return createSecretKey(bytes);
  throw InvalidOptionError.hidden(
    `aesGcmCodec.keys.${id}`,
    value,
    'a key of 256 bits: 32 bytes, these as base64 or 64 hexadecimal digits, or a secret KeyObject',
  );
}

function bytesOf(text: string): Buffer | undefined {
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

function whyNot(cause: unknown): string {
  return cause instanceof InvalidOptionError
    ? cause.message
    : `it could not be asked for (${errorLabel(cause)})`;
}
