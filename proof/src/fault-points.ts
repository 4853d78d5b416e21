import type { Placement } from './target.js';

/** The places between two writes of the protocol, as the library names them. */
const POINTS = {
  start: ['job:before-prepare', 'job:prepared', 'job:started', 'job:before-submit', 'job:submitted'],
  step: ['step:before-execute', 'step:executed', 'step:before-commit', 'step:committed'],
  progress: ['progress:before-write', 'progress:written'],
  twoPhases: ['job:before-barrier', 'recovery:resolved'],
  takeOver: ['recovery:claimed'],
} as const;

/** Those that a process comes by, with the jobs where they are. */
export function faultPoints(placement: Placement): readonly string[] {
  const { start, step, progress, twoPhases, takeOver } = POINTS;
  if (placement === 'dtm') return [...start, ...step, 'progress:before-write', ...twoPhases];
  return [...start, ...step, ...progress, ...takeOver, ...(placement === 'two' ? twoPhases : [])];
}
