export { SteppingTelemetryModule, type SteppingTelemetryOptions } from './stepping-telemetry.module.js';
