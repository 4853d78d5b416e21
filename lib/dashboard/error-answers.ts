import { HttpStatus } from '@nestjs/common';
import { errorText, propertyOf } from '../errors/error-text.js';
import type { ErrorAnswer } from './api.js';
import { DashboardRequestError } from './dashboard.errors.js';
import type { FewLines } from './few-lines.js';
import type { Mask } from './mask.js';

/** The errors of the library whose messages are for whoever has sent the request. Told by their codes: an application may have two copies of it. */
const STATUS: Readonly<Record<string, HttpStatus>> = {
  STEPPING_INVALID_GID: HttpStatus.BAD_REQUEST,
  STEPPING_INVALID_OPTION: HttpStatus.BAD_REQUEST,
  STEPPING_INVALID_STEP_ARGUMENTS: HttpStatus.BAD_REQUEST,
  STEPPING_STEP_ARGUMENTS_TOO_LARGE: HttpStatus.BAD_REQUEST,
  STEPPING_JOB_NOT_FOUND: HttpStatus.NOT_FOUND,
  STEPPING_JOB_STATE: HttpStatus.CONFLICT,
  STEPPING_STEP_NOT_PROVIDED: HttpStatus.CONFLICT,
  STEPPING_UNRESOLVED_TRANSACTION: HttpStatus.CONFLICT,
  STEPPING_OPERATION_UNSUPPORTED: HttpStatus.NOT_IMPLEMENTED,
  STEPPING_DTM_UNSUPPORTED: HttpStatus.NOT_IMPLEMENTED,
};

/** What is answered to an error, masked. Of others than these, the details are in the log alone. */
export function answerTo(
  error: unknown,
  log: FewLines,
  mask: Mask,
): { readonly status: number; readonly answer: ErrorAnswer } {
  const [code, message] = [propertyOf(error, 'code'), propertyOf(error, 'message')];
  const status = error instanceof DashboardRequestError ? error.status : STATUS[String(code)];
  if (status !== undefined)
    return { status, answer: { code: String(code), message: mask.text(String(message)) } };
  log.error(`A request of the dashboard failed: ${errorText(error)}`);
  return {
    status: HttpStatus.INTERNAL_SERVER_ERROR,
    answer: { code: 'FAILED', message: 'The application could not answer. Its log says why.' },
  };
}
