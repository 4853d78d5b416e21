import { HttpStatus } from '@nestjs/common';

/** A request that is refused by the dashboard itself. Its message is for whoever looks at the page. */
export class DashboardRequestError extends Error {
  constructor(
    readonly status: HttpStatus,
    /** Stable. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Of somebody who may not. */
export function forbidden(message: string): DashboardRequestError {
  return new DashboardRequestError(HttpStatus.FORBIDDEN, 'FORBIDDEN', message);
}
