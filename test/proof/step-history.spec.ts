import { describe, expect, it } from 'vitest';
import type { Effect } from '../../proof/src/evidence.js';
import { StepHistory } from '../../proof/src/step-history.js';

let count = 0;

function attempt(values: Pick<Effect, 'begin' | 'end'> & Partial<Effect>): Effect {
  count += 1;
  return {
    ...{ id: `w0.1:${count}`, order: 'k-1', gid: 'k-1', step: 0, kind: 'append', attempt: 1, worker: 'w0.1' },
    ...{ outcome: 'done', signalled: null, version: null, key: 'k-1:0' },
    ...values,
  };
}

const overlaps = (...attempts: Effect[]) => new StepHistory(attempts, new Map()).overlaps();

describe('two attempts of one step at the same time', () => {
  it('are a violation', () => {
    const { live, zombies } = overlaps(attempt({ begin: 0, end: 100 }), attempt({ begin: 50, end: 200 }));
    expect(live).toHaveLength(1);
    expect(zombies).toBe(0);
  });

  it('are none after the signal of the first', () => {
    const first = attempt({ begin: 0, end: 100, signalled: 50 });
    expect(overlaps(first, attempt({ begin: 50, end: 200 }))).toEqual({ live: [], zombies: 1 });
  });

  it('are one before that signal', () => {
    const first = attempt({ begin: 0, end: 100, signalled: 60 });
    expect(overlaps(first, attempt({ begin: 50, end: 200 })).live).toHaveLength(1);
  });

  it('are none when the second had its signal before its beginning could be recorded', () => {
    const late = attempt({ begin: 50, end: 60, signalled: 20, worker: 'w0.1' });
    expect(overlaps(attempt({ begin: 0, end: 100 }), late)).toEqual({ live: [], zombies: 1 });
  });
});
