import type { Command } from '../command.js';
import { pairs } from '../table.js';

/** Sentences read badly in long lines. */
const READABLE = 100;

export const explain: Command = {
  name: 'explain',
  takes: '<gid>',
  words: [1, 1],
  summary: 'why a job does not run, or what runs it',
  async run({ positionals, operator, terminal }) {
    const explanation = await operator.jobs.explain(positionals[0]!);
    const { gid, status, step, reasons } = explanation;
    const width = Math.min(terminal.width ?? READABLE, READABLE);
    const lines = [
      `${gid} is ${status}${step === null ? '' : `, at step ${step}`}.`,
      '',
      ...pairs(
        reasons.map(({ code, text }) => [code, text]),
        width,
      ),
    ];
    return { code: 0, lines, json: explanation };
  },
};
