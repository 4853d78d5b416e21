import type { Attack } from '../run.js';
import { faultsAttack } from './faults.js';
import { killAttack } from './kill.js';
import { loadAttack } from './load.js';
import { racesAttack } from './races.js';
import { shutdownAttack } from './shutdown.js';

export const attacks: readonly Attack[] = [killAttack, faultsAttack, racesAttack, shutdownAttack, loadAttack];
