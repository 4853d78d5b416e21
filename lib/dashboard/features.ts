import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { JobFilter } from '../core/jobs/job-info.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import type { Feature } from './api.js';
import { forbidden } from './dashboard.errors.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';

/** Why arguments cannot be given to a step where nobody sees them. */
export const EDIT_UNSEEN =
  "Arguments are not shown here ('showArguments' is 'never'), so they cannot be edited.";

/** What cannot be done here at all, each with the reason, in the words of the error that it would throw. Nothing is asked of a store. */
export function unavailableFeatures(
  jobs: DistributedJobs,
  operations: SteppingOperations,
  { showArguments }: ResolvedDashboardOptions,
): { readonly [F in Feature]?: string } {
  const unseen = showArguments === 'never' ? { message: EDIT_UNSEEN } : undefined;
  const refusals: Readonly<Record<Feature, { readonly message: string } | undefined>> = {
    overview: operations.refusalOf('overview'),
    timeline: operations.refusalOf('timeline'),
    steps: operations.refusalOf('steps'),
    processes: operations.refusalOf('processes'),
    pause: operations.refusalOf('pause') ?? operations.refusalOf('resume'),
    audit: jobs.refusalOf('audit'),
    count: jobs.refusalOf('count'),
    explain: jobs.refusalOf('explain'),
    search: jobs.refusalOf('search'),
    byStep: jobs.refusalOf('byStep'),
    skip: jobs.refusalOf('skip'),
    edit: jobs.refusalOf('edit') ?? unseen,
    bulk: jobs.refusalOf('retryAll') ?? jobs.refusalOf('cancelAll'),
  };
  const reasons = Object.entries(refusals).flatMap(([feature, refusal]) =>
    refusal ? [[feature, refusal.message]] : [],
  );
  return Object.fromEntries(reasons) as { [F in Feature]?: string };
}

/**
 * Whoever can look for a text in arguments can read them, letter by letter.
 *
 * @throws DashboardRequestError where nobody may.
 */
export function refuseUnseen({ args }: JobFilter, { showArguments }: ResolvedDashboardOptions): void {
  if (args === undefined || showArguments !== 'never') return;
  throw forbidden("Arguments are not shown here ('showArguments' is 'never'), so they cannot be searched.");
}
