import type { Command } from '../command.js';
import { examine } from '../examination.js';
import { wrapped } from '../table.js';

const READABLE = 100;

export const doctor: Command = {
  name: 'doctor',
  summary: 'looks for what is wrong: tables, leases, steps, recovery; exit code 1 if something is',
  description:
    'Looks for what is wrong: tables, columns and indexes that are missing, leases that nobody takes over, steps that jobs wait for and no process provides, processes that do not look for due jobs. The exit code is 1 if something is.',
  async run({ operator, terminal }) {
    const findings = await examine(operator);
    const problems = findings.filter(({ result }) => result === 'problem').length;
    const width = Math.min(terminal.width ?? READABLE, READABLE);
    const results = Math.max(...findings.map(({ result }) => result.length));
    const checks = Math.max(...findings.map(({ check }) => check.length));
    const indent = results + checks + 4;
    const lines = findings.flatMap(({ result, check, text }) => {
      const [first = '', ...more] = wrapped(text, width - indent);
      const head = `${result.padEnd(results)}  ${check.padEnd(checks)}  `;
      return [head + first, ...more.map((line) => ' '.repeat(indent) + line)];
    });
    const summary = problems === 0 ? 'No problem.' : `${problems} problem${problems === 1 ? '' : 's'}.`;
    return { code: problems === 0 ? 0 : 1, lines: [...lines, '', summary], json: { problems, findings } };
  },
};
