import { CHANGES, CONNECTION, OUTPUT } from './common-options.js';
import type { Command, CommandOption, CommandOptions } from './command.js';
import { pairs, wrapped } from './table.js';

export const PROGRAM = 'nestjs-stepping';

/** Where a text is read easily. */
const READABLE = 100;

/** Commands that belong together, under a title. */
export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** The help of the program. */
export function programHelp(groups: readonly CommandGroup[], width: number | undefined): string[] {
  const entries = groups.flatMap(({ commands }) => commands.map((command) => callOf(command)));
  const longest = Math.max(...entries.map((entry) => entry.length));
  return [
    `Usage: ${PROGRAM} <command> [options]`,
    '',
    'Looks at the jobs of an application and steers them. It reads and writes the database of the jobs, and runs no steps.',
    ...groups.flatMap(({ title, commands }) => [
      '',
      `${title}:`,
      ...listed(
        commands.map((command) => [callOf(command).padEnd(longest), command.summary]),
        width,
      ),
    ]),
    ...section('Connection', CONNECTION, width),
    ...section('Output', { ...OUTPUT, version: { type: 'boolean', help: 'the version' } }, width),
    '',
    'Exit codes:',
    ...listed(
      [
        ['0', 'done'],
        [
          '1',
          'the answer is no: there is no such job, it cannot be done now, the time is over, doctor has found a problem',
        ],
        ['2', 'the command cannot be understood, or the database not be used'],
      ],
      width,
    ),
    '',
    `Options of a command: ${PROGRAM} <command> --help`,
  ];
}

/** The help of one command. */
export function commandHelp(command: Command, width: number | undefined): string[] {
  const { description, options = {}, changes } = command;
  return [
    `Usage: ${PROGRAM} ${callOf(command)} [options]`,
    '',
    ...wrapped(
      description ?? `${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`,
      width ?? READABLE,
    ),
    ...section('Options', { ...options, ...(changes && CHANGES) }, width),
    ...section('Connection', CONNECTION, width),
    ...section('Output', OUTPUT, width),
  ];
}

function callOf({ name, takes }: Command): string {
  return takes === undefined ? name : `${name} ${takes}`;
}

function section(title: string, options: CommandOptions, width: number | undefined): string[] {
  const entries = Object.entries(options);
  if (entries.length === 0) return [];
  return [
    '',
    `${title}:`,
    ...listed(
      entries.map(([name, option]) => [written(name, option), option.help]),
      width,
    ),
  ];
}

function written(name: string, { short, value }: CommandOption): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function listed(entries: readonly (readonly [string, string])[], width: number | undefined): string[] {
  return pairs(
    entries.map(([name, text]) => [`  ${name}`, text]),
    width ?? READABLE,
  );
}
