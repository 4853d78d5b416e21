import type { Command } from '../command.js';

export const resume: Command = {
  name: 'resume',
  takes: '<step>',
  words: [1, 1],
  summary: 'ends the pause, or the brake, of a step',
  changes: true,
  async run({ positionals, operator, note }) {
    const [step] = positionals as [string];
    const resumed = await operator.operations.resume(step, note);
    const text = resumed ? `The step ${step} goes on.` : `The step ${step} was not paused.`;
    return { code: resumed ? 0 : 1, lines: [text], json: { step, resumed } };
  },
};
