import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newGid } from '../../../lib/core/jobs/gid.js';
import { fromWireGid, toWireGid } from '../../../lib/tm/dtm/wire-gid.js';

const GID = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/),
  fc.uuid(),
  // One that goes on from another, as callers make them.
  fc.tuple(fc.uuid(), fc.stringMatching(/^[A-Za-z0-9._:-]{1,12}$/)).map(([uuid, more]) => `${uuid}${more}`),
);

describe('the gid that DTM is given', () => {
  it('is the job’s own when the library has made it', () => {
    const gid = newGid();
    expect(toWireGid(gid)).toBe(gid);
  });

  it('is readable when the caller has made it', () => {
    expect(toWireGid('Order-7')).toBe('(!order-7)');
  });

  it('leads back to the gid of the job', () => {
    fc.assert(fc.property(GID, (gid) => fromWireGid(toWireGid(gid)) === gid));
  });

  it('is lower case and printable, so that no store and no header changes it', () => {
    fc.assert(fc.property(GID, (gid) => /^[\u0021-\u003a\u003c-@[-~]+$/.test(toWireGid(gid))));
  });

  it('is never the beginning of another one', () => {
    fc.assert(
      fc.property(GID, GID, (left, right) => {
        fc.pre(left !== right);
        return !toWireGid(right).startsWith(toWireGid(left));
      }),
    );
    expect(toWireGid('job-1').startsWith(toWireGid('job'))).toBe(false);
  });
});
