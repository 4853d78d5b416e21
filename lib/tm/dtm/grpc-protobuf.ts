import type { DtmRequest } from './dtm-request.js';

/**
 * The one message that is sent to DTM, in protobuf's wire format: `DtmRequest` of `dtmgimp.proto`. Nothing is
 * ever read back, so these few lines take the place of a protobuf library and a `.proto` file in the package.
 *
 * Field numbers: Gid 1, TransType 2, TransOptions 3, CustomedData 4, BinPayloads 5, QueryPrepared 6, Steps 7.
 * TransOptions: WaitResult 1, TimeoutToFail 2, RetryInterval 3, BranchHeaders 5, RequestTimeout 6.
 */
export function encodeDtmRequest({
  gid,
  actions,
  payloads,
  queryPrepared,
  customData,
  options,
}: DtmRequest): Buffer {
  const transOptions = Buffer.concat([
    number(1, options.waitResult ? 1 : 0),
    number(2, options.timeoutToFail),
    number(3, options.retryInterval),
    ...Object.entries(options.branchHeaders).map(([name, value]) =>
      bytes(5, Buffer.concat([text(1, name), text(2, value)])),
    ),
    number(6, options.requestTimeout),
  ]);
  return Buffer.concat([
    encodeGid(gid),
    bytes(3, transOptions),
    text(4, customData),
    ...payloads.map((payload) => bytes(5, Buffer.from(payload), true)),
    text(6, queryPrepared),
    text(7, JSON.stringify(actions.map((action) => ({ action })))),
  ]);
}

/** A `DtmRequest` that only names the job. */
export function encodeGid(gid: string): Buffer {
  return Buffer.concat([text(1, gid), text(2, 'msg')]);
}

const LENGTH_DELIMITED = 2;

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

/** @param always Whether an empty value is written: one of a list must be, a single one is left out. */
function bytes(field: number, value: Buffer, always = false): Buffer {
  if (value.length === 0 && !always) return value;
  return Buffer.concat([varint((field << 3) | LENGTH_DELIMITED), varint(value.length), value]);
}

function number(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(field << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const encoded: number[] = [];
  let rest = value;
  while (rest > 127) {
    encoded.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...encoded, rest]);
}
