import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CallbackBodies, type BodyLimits, type UnreadBody } from '../../../lib/tm/dtm/callback-body.js';

const all = (_head: Buffer): boolean => true;

function reading(bodies: CallbackBodies, accepts = all, framing = 0) {
  const source = new PassThrough();
  return { source, result: bodies.read(source, framing, accepts) };
}

function bodies(limits: Partial<BodyLimits> = {}): CallbackBodies {
  return new CallbackBodies({ maxBytes: 1000, arrival: 60_000, ...limits });
}

async function outcome(result: Promise<Buffer | UnreadBody>): Promise<string> {
  const found = await result;
  return typeof found === 'string' ? found : `${found.length} bytes`;
}

describe('the body of a call', () => {
  it('is read as it came, in whatever pieces', async () => {
    const { source, result } = reading(bodies());
    const text = 'abcdefghij'.repeat(50);
    for (const character of text) source.write(character);
    source.end();
    expect(String(await result)).toBe(text);
  });

  it('may be empty', async () => {
    const { source, result } = reading(bodies());
    source.end();
    expect(await outcome(result)).toBe('0 bytes');
  });

  it('has a largest size, framing aside', async () => {
    const most = reading(bodies(), all, 5);
    most.source.end(Buffer.alloc(1005));
    expect(await outcome(most.result)).toBe('1005 bytes');
    const more = reading(bodies(), all, 5);
    more.source.write(Buffer.alloc(1006));
    expect(await outcome(more.result)).toBe('tooLarge');
  });

  it('is given up as soon as its beginning is not accepted', async () => {
    const heads: string[] = [];
    const { source, result } = reading(
      bodies(),
      (head) => {
        heads.push(head.toString());
        return !head.toString().startsWith('no');
      },
      2,
    );
    source.write('xxn');
    source.write('o');
    expect(await outcome(result)).toBe('unauthenticated');
    expect(heads).toEqual(['n', 'no']);
  });

  it('has a time to arrive', async () => {
    const { source, result } = reading(bodies({ arrival: 30 }));
    source.write('slow');
    expect(await outcome(result)).toBe('late');
  });

  it('ends with its connection', async () => {
    const closed = reading(bodies());
    closed.source.destroy();
    expect(await outcome(closed.result)).toBe('gone');
    const broken = reading(bodies());
    broken.source.destroy(new Error('broken'));
    expect(await outcome(broken.result)).toBe('gone');
  });

  it('shares a budget with others, of which the oldest is given up', async () => {
    const shared = bodies({ maxBytes: 4096, budget: 8192 });
    const open = Array.from({ length: 5 }, () => reading(shared));
    // Nothing has come of the first, so that giving it up would free nothing.
    for (const { source } of open.slice(1)) source.write(Buffer.alloc(3000));
    expect(await outcome(open[1]!.result)).toBe('crowded');
    expect(await outcome(open[2]!.result)).toBe('crowded');
    for (const { source } of [open[0]!, open[3]!, open[4]!]) source.end();
    expect(await outcome(open[0]!.result)).toBe('0 bytes');
    expect(await outcome(open[3]!.result)).toBe('3000 bytes');
    expect(await outcome(open[4]!.result)).toBe('3000 bytes');
    // Whatever has ended takes nothing of it.
    const later = reading(shared);
    later.source.end(Buffer.alloc(4096));
    expect(await outcome(later.result)).toBe('4096 bytes');
  });

  it('is waited for no longer when the application ends', async () => {
    const ending = bodies();
    const { source, result } = reading(ending);
    source.write('x');
    ending.stop();
    expect(await outcome(result)).toBe('late');
  });
});
