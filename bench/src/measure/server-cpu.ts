import { readdirSync, readFileSync } from 'node:fs';

/** Ticks per second of `/proc`: 100 on every Linux that Node runs on. */
const TICKS = 100;

/**
 * Seconds of CPU that a server has used so far: its main process, those that have ended (which the kernel adds to their
 * parent), and those that live.
 */
export function serverCpu(pid: number): number {
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = statOf(entry);
    if (!fields) continue;
    if (Number(entry) === pid) ticks += sum(fields.slice(11, 15));
    else if (Number(fields[1]) === pid) ticks += sum(fields.slice(11, 13));
  }
  return ticks / TICKS;
}

/** The fields after the name of the process, which may contain anything. */
function statOf(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

function sum(values: readonly string[]): number {
  return values.reduce((total, value) => total + Number(value), 0);
}
