import { createCipheriv, createDecipheriv, randomFillSync, type KeyObject } from 'node:crypto';
import { PayloadCorruptError } from '../../errors/index.js';
import { refuseUnknown } from '../options.js';
import { CodecKeys, isKeyId, type CodecKeySource } from './codec-keys.js';
import type { PayloadCodec, PayloadContext } from './payload-codec.js';

/**
 * Settings of `aesGcmCodec()`.
 *
 * @publicApi
 */
export interface AesGcmCodecOptions {
  /**
   * All keys that texts may have been encoded with, by id. A function is called at start, and with the id of a key that is not known
   * when a text needs it, never while a transaction is open. It has 5 seconds; what it gives is kept.
   */
  readonly keys: CodecKeySource;
  /** The id of the key that encodes. */
  readonly current: string;
}

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** To ask for random bytes costs a third of what an encryption costs. */
const IVS_AT_ONCE = 256;

/**
 * Encrypts with AES-256-GCM. The gid, the index of the step, the purpose and the tenant are bound to the text: one that was
 * put into another place cannot be decoded there. The id of the key is part of the text, so older keys go on decoding.
 *
 * @throws InvalidOptionError for settings that cannot be.
 * @publicApi
 */
export function aesGcmCodec(options: AesGcmCodecOptions): PayloadCodec {
  refuseUnknown(options, 'aesGcmCodec', ['keys', 'current']);
  return new AesGcmCodec(new CodecKeys(options.keys, options.current));
}

/** Texts are `<id of the key>:<iv, encrypted text and tag, as base64url>`. */
class AesGcmCodec implements PayloadCodec {
  private readonly ivs = new RandomIvs();

  constructor(private readonly keys: CodecKeys) {}

  load(): Promise<void> {
    return this.keys.load();
  }

  encode(text: string, context: PayloadContext): string | Promise<string> {
    const { current } = this.keys;
    const key = this.keys.get(current);
    if (key) return `${current}:${encrypt(key, this.ivs.next(), text, context)}`;
    return this.keys
      .fetch(current)
      .then((fetched) => `${current}:${encrypt(fetched, this.ivs.next(), text, context)}`);
  }

  decode(text: string, context: PayloadContext): string | Promise<string> {
    const colon = text.indexOf(':');
    const id = text.slice(0, Math.max(colon, 0));
    if (!isKeyId(id)) throw new PayloadCorruptError('it is no text of aesGcmCodec()');
    const data = Buffer.from(text.slice(colon + 1), 'base64url');
    const key = this.keys.get(id);
    return key
      ? decrypt(key, data, context)
      : this.keys.fetch(id).then((fetched) => decrypt(fetched, data, context));
  }
}

/** Initialization vectors, each given once. */
class RandomIvs {
  private readonly bytes = Buffer.alloc(IV_BYTES * IVS_AT_ONCE);
  private at = this.bytes.length;

  /** To be used before the next one is asked for. */
  next(): Buffer {
    if (this.at === this.bytes.length) {
      randomFillSync(this.bytes);
      this.at = 0;
    }
    return this.bytes.subarray(this.at, (this.at += IV_BYTES));
  }
}

function encrypt(key: KeyObject, iv: Buffer, text: string, context: PayloadContext): string {
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundData(context));
  const encrypted = [cipher.update(text, 'utf8'), cipher.final()];
  return Buffer.concat([iv, ...encrypted, cipher.getAuthTag()]).toString('base64url');
}

function decrypt(key: KeyObject, data: Buffer, context: PayloadContext): string {
  if (data.length < IV_BYTES + TAG_BYTES) throw new PayloadCorruptError('it has been cut');
  const decipher = createDecipheriv(ALGORITHM, key, data.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundData(context));
  decipher.setAuthTag(data.subarray(-TAG_BYTES));
  try {
    const text = decipher.update(data.subarray(IV_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new PayloadCorruptError('it was changed, or belongs to another job, step or purpose', { cause });
  }
}

/** As JSON, so that no two contexts are the same text. */
function boundData({ gid, stepIndex, purpose, tenant }: PayloadContext): Buffer {
  return Buffer.from(JSON.stringify(['stepping-1', gid, stepIndex, purpose, tenant ?? null]));
}
