import { describe, expect, it, vi } from 'vitest';
import { cancel } from '../../../lib/cli/commands/cancel.command.js';
import { drain } from '../../../lib/cli/commands/drain.command.js';
import { pause } from '../../../lib/cli/commands/pause.command.js';
import { resume } from '../../../lib/cli/commands/resume.command.js';
import { retry } from '../../../lib/cli/commands/retry.command.js';
import { skip } from '../../../lib/cli/commands/skip.command.js';
import { status, statusText } from '../../../lib/cli/commands/status.command.js';
import { OperationUnsupportedError } from '../../../lib/index.js';
import { count, overview, runCommand } from './support.js';

const since = new Date('2026-03-01T09:00:00Z');

describe('status', () => {
  it('tells the numbers, and which are not known', async () => {
    const given = overview({ due: count(12), oldestDueMs: 3000, failed: count(10_000, true) });
    const { code, lines, json } = await runCommand(status, { operations: { overview: async () => given } });
    expect({ code, json }).toEqual({ code: 0, json: given });
    expect(lines).toContain('Due          12, the oldest for 3 s');
    expect(lines).toContain('Failed       10,000+');
    expect(lines).toContain('Paused       no step');
    const unmonitored = statusText(overview({ processes: null, running: null, lastMinute: null }), undefined);
    expect(unmonitored.filter((line) => line.includes("'monitoring' is off"))).toHaveLength(2);
  });

  it('names each step that is paused or braked', () => {
    const pauses = { reason: 'x', by: null, since };
    const lines = statusText(
      overview({
        paused: {
          charge: { ...pauses, kind: 'pause', until: null },
          ship: { ...pauses, kind: 'brake', until: new Date('2026-03-01T09:30:30Z') },
        },
      }),
      undefined,
    );
    expect(lines.slice(-2)).toEqual([
      'Paused       charge: paused until somebody resumes it',
      '             ship: braked until 2026-03-01 09:30:30Z (in 30 s)',
    ]);
  });
});

describe('drain', () => {
  it('ends when nothing is due or held', async () => {
    const states = [
      overview({ due: count(1) }),
      overview({ held: count(1) }),
      overview({ waiting: count(5) }),
    ];
    const answer = await runCommand(drain, { operations: { overview: async () => states.shift()! } });
    expect(answer.code).toBe(0);
    expect(states).toEqual([]);
  });

  it('ends with 1 at its time-out', async () => {
    const answer = await runCommand(drain, {
      values: { timeout: '20ms' },
      operations: { overview: async () => overview({ due: count(7), held: count(100, true) }) },
    });
    expect(answer.code).toBe(1);
    expect(answer.lines[0]).toMatch(/^Still 7 due, 100\+ held after \d+ ms\.$/);
    expect(answer.json).toMatchObject({ drained: false });
  });
});

describe.each([
  ['retry', retry, 'retryAll'],
  ['cancel', cancel, 'cancelAll'],
] as const)('%s --all', (_, command, method) => {
  const all = (matched: number, more = false) =>
    vi.fn(async (_filter: unknown, { dryRun }: { dryRun?: boolean }) => ({
      matched,
      changed: dryRun ? 0 : matched,
      more,
    }));
  const values = { all: true, reason: 'the bank is back', step: 'charge', status: ['failed'] };

  it('counts first, then does it, with the filter, who and why', async () => {
    const bulk = all(100);
    const { code, questions } = await runCommand(command, {
      values: { ...values, limit: '500' },
      jobs: { [method]: bulk },
    });
    expect({ code, questions }).toEqual({ code: 0, questions: [] });
    const options = { reason: 'the bank is back', by: 'ada', limit: 500 };
    expect(bulk.mock.calls).toEqual([
      [
        { status: ['failed'], step: 'charge' },
        { ...options, dryRun: true },
      ],
      [{ status: ['failed'], step: 'charge' }, options],
    ]);
  });

  it('changes nothing with --dry-run', async () => {
    const bulk = all(3000, true);
    const { lines } = await runCommand(command, {
      values: { ...values, 'dry-run': true },
      jobs: { [method]: bulk },
    });
    expect(lines[0]).toMatch(/^3000 jobs, and there are more, would be /);
    expect(bulk).toHaveBeenCalledTimes(1);
  });

  it('asks above 100 jobs, and heeds the answer', async () => {
    for (const [answer, calls] of [
      [true, 2],
      [false, 1],
    ] as const) {
      const bulk = all(101);
      const asked = runCommand(command, { values, jobs: { [method]: bulk }, answer });
      if (answer) expect((await asked).questions).toEqual([expect.stringContaining('101 jobs would be')]);
      else await expect(asked).rejects.toThrow('Nothing was done.');
      expect(bulk).toHaveBeenCalledTimes(calls);
    }
  });

  it('does not ask with --yes, and does nothing where nobody can be asked', async () => {
    const bulk = all(101);
    await expect(runCommand(command, { values, jobs: { [method]: bulk } })).rejects.toThrow('Say --yes');
    expect(bulk).toHaveBeenCalledTimes(1);
    const { code } = await runCommand(command, {
      values: { ...values, yes: true },
      jobs: { [method]: bulk },
    });
    expect(code).toBe(0);
    expect(bulk).toHaveBeenCalledTimes(3);
  });
});

it('retry --all spreads the attempts over --spread', async () => {
  const retryAll = vi.fn(async () => ({ matched: 1, changed: 1, more: false }));
  await runCommand(retry, { values: { all: true, reason: 'r', spread: '1m' }, jobs: { retryAll } });
  expect(retryAll).toHaveBeenLastCalledWith({}, { reason: 'r', by: 'ada', spread: '1m' });
});

it('skip, pause and resume say what, who and why', async () => {
  const calls: unknown[] = [];
  const note = (...args: unknown[]): Promise<void> => Promise.resolve(void calls.push(args));
  await runCommand(skip, {
    positionals: ['g'],
    values: { step: '2', reason: 'by hand' },
    jobs: { skip: note },
  });
  const operations = { pause: note, resume: async () => false };
  await runCommand(pause, { positionals: ['charge'], values: { reason: 'r', until: '30m' }, operations });
  await runCommand(pause, {
    positionals: ['charge'],
    values: { reason: 'r', until: '2026-03-01T10:00:00Z' },
    operations,
  });
  expect(calls).toEqual([
    ['g', { step: 2, reason: 'by hand', by: 'ada' }],
    ['charge', { by: 'ada', reason: 'r', until: '30m' }],
    ['charge', { by: 'ada', reason: 'r', until: new Date('2026-03-01T10:00:00Z') }],
  ]);
  const once = { positionals: ['charge'], values: { reason: 'r' }, operations };
  expect((await runCommand(pause, once)).json).toEqual({ step: 'charge', paused: true, provided: null });
  expect((await runCommand(pause, once)).lines).toHaveLength(1);
  expect((await runCommand(pause, { ...once, provided: false })).lines).toHaveLength(2);
  expect(await runCommand(resume, { positionals: ['charge'], operations })).toMatchObject({
    code: 1,
    lines: ['The step charge was not paused.'],
  });
});

it('what the transaction manager cannot do is its error', async () => {
  await expect(runCommand(status, {})).rejects.toThrow(OperationUnsupportedError);
});
