export { SteppingHealthIndicator } from './stepping.health-indicator.js';
export type { SteppingHealthResult } from './health-result.js';
