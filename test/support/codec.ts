import { createHash } from 'node:crypto';
import { aesGcmCodec, type PayloadCodec } from 'nestjs-stepping';

/** With `STEPPING_TEST_CODEC`, all applications of the tests encrypt what they store: see `npm run test:codec`. */
export const codecIsOn = process.env.STEPPING_TEST_CODEC !== undefined;

export function testKey(id: string): Buffer {
  return createHash('sha256').update(`a key of the tests: ${id}`).digest();
}

/** A codec with these keys, the first one current. */
export function testCodec(current = 'k1', ...older: readonly string[]): PayloadCodec {
  const keys = Object.fromEntries([current, ...older].map((id) => [id, testKey(id)]));
  return aesGcmCodec({ keys, current });
}

/** For the options of the module. */
export function codecOption(): { readonly codec?: PayloadCodec } {
  return codecIsOn ? { codec: testCodec() } : {};
}
