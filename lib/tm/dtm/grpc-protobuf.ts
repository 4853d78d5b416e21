import type { DtmJobName, DtmRequest } from './dtm.client.js';

/**
 * Encodes the one message that is sent to DTM, `DtmRequest` of `dtmgimp.proto`, in protobuf's wire format. Nothing is
 * read back, so these few lines replace a protobuf library and a `.proto` file in the package.
 *
 * Field numbers: Gid 1, TransType 2, TransOptions 3, CustomedData 4, BinPayloads 5, QueryPrepared 6, Steps 7.
 * TransOptions: WaitResult 1, TimeoutToFail 2, RetryInterval 3, BranchHeaders 5, RequestTimeout 6.
 */
export function encodeDtmRequest(request: DtmRequest | DtmJobName): Buffer {
  const name = [text(1, request.gid), text(2, request.trans_type)];
  if (!('steps' in request)) return Buffer.concat(name);
  const transOptions = Buffer.concat([
    number(1, request.wait_result ? 1 : 0),
    number(2, request.timeout_to_fail),
    number(3, request.retry_interval),
    ...Object.entries(request.branch_headers).map(([header, value]) =>
      bytes(5, Buffer.concat([text(1, header), text(2, value)])),
    ),
    number(6, request.request_timeout),
  ]);
  return Buffer.concat([
    ...name,
    bytes(3, transOptions),
    text(4, request.custom_data),
    ...request.payloads.map((payload) => bytes(5, Buffer.from(payload), true)),
    text(6, request.query_prepared),
    text(7, JSON.stringify(request.steps)),
  ]);
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
