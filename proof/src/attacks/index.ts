import type { Attack } from '../run.js';
import { eventsAttack } from './events.js';
import { faultsAttack } from './faults.js';
import { killAttack } from './kill.js';
import { loadAttack } from './load.js';
import { operatorAttack } from './operator.js';
import { poisonAttack } from './poison.js';
import { poolAttack } from './pool.js';
import { racesAttack } from './races.js';
import { shutdownAttack } from './shutdown.js';
import { silenceAttack } from './silence.js';
import { slowAttack } from './slow.js';
import { waitsAttack } from './waits.js';

export const attacks: readonly Attack[] = [
  killAttack,
  faultsAttack,
  racesAttack,
  shutdownAttack,
  loadAttack,
  silenceAttack,
  waitsAttack,
  poisonAttack,
  poolAttack,
  slowAttack,
  operatorAttack,
  eventsAttack,
];
