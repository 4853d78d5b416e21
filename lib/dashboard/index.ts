export type {
  DashboardAccess,
  DashboardAsyncOptions,
  DashboardOptions,
  DashboardPlace,
  DashboardRequest,
  DashboardRequestFunction,
  DashboardSettings,
} from './dashboard.options.js';
export { SteppingDashboardModule } from './stepping-dashboard.module.js';
