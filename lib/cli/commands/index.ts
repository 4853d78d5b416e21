import type { Command } from '../command.js';
import type { CommandGroup } from '../help.js';
import { cancel } from './cancel.command.js';
import { doctor } from './doctor.command.js';
import { drain } from './drain.command.js';
import { explain } from './explain.command.js';
import { list } from './list.command.js';
import { migrate } from './migrate.command.js';
import { pause } from './pause.command.js';
import { purge } from './purge.command.js';
import { resume } from './resume.command.js';
import { retry } from './retry.command.js';
import { show } from './show.command.js';
import { skip } from './skip.command.js';
import { status } from './status.command.js';

/** All commands, as the help lists them. */
export const groups: readonly CommandGroup[] = [
  { title: 'Looking', commands: [status, list, show, explain, doctor] },
  { title: 'Repairing', commands: [retry, cancel, skip] },
  { title: 'Steering', commands: [pause, resume, drain] },
  { title: 'Tables', commands: [migrate, purge] },
];

/** By their names. */
export const commands: ReadonlyMap<string, Command> = new Map(
  groups.flatMap((group) => group.commands.map((command) => [command.name, command])),
);
