import type { Placement } from './target.js';

/** The library's fault points between two writes of the protocol. */
const POINTS = {
  start: ['job:before-prepare', 'job:prepared', 'job:started', 'job:before-submit', 'job:submitted'],
  step: ['step:before-execute', 'step:executed', 'step:before-commit', 'step:committed'],
  progress: ['progress:before-write', 'progress:written'],
  twoPhases: ['job:before-barrier', 'recovery:resolved'],
  takeOver: ['recovery:claimed'],
} as const;

/** The fault points that a process reaches with this placement of the jobs. */
export function faultPoints(placement: Placement): readonly string[] {
  const { start, step, progress, twoPhases, takeOver } = POINTS;
  if (placement === 'dtm') return [...start, ...step, 'progress:before-write', ...twoPhases];
  return [...start, ...step, ...progress, ...takeOver, ...(placement === 'two' ? twoPhases : [])];
}
