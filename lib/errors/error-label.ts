import { isInstance, propertyOf } from './error-text.js';
import { HttpRequestError, InvalidStepArgumentsError, UnrecoverableStepError } from './step.errors.js';
import { SteppingError } from './stepping.error.js';

/** An error and its causes: no more than these are told. */
const MAX_ERRORS = 8;
const MAX_LENGTH = 1000;
const NAME = /^[\w.$-]{1,100}$/;

/**
 * What an error is, for a log that must not hold texts of the application: names and codes, with the causes. Texts of the library
 * itself are told.
 */
export function errorLabel(thrown: unknown): string {
  const labels: string[] = [];
  for (
    let value = thrown;
    value !== undefined && value !== null && labels.length < MAX_ERRORS;
    value = propertyOf(value, 'cause')
  ) {
    labels.push(labelOf(value));
  }
  return (labels.join('; caused by ') || String(thrown)).slice(0, MAX_LENGTH);
}

function labelOf(value: unknown): string {
  const name = propertyOf(value, 'name');
  if (typeof value !== 'object' && typeof value !== 'function') return `a ${typeof value}`;
  const shown = typeof name === 'string' && NAME.test(name) ? name : 'Error';
  if (isOurText(value)) return `${shown}: ${String(propertyOf(value, 'message'))}`;
  const code = [propertyOf(value, 'code'), propertyOf(value, 'status')].find(isTold);
  return code === undefined ? shown : `${shown} [${code}]`;
}

function isTold(code: unknown): code is string | number {
  return (
    typeof code === 'number' || (typeof code === 'string' && NAME.test(code) && !code.startsWith('STEPPING_'))
  );
}

/** The texts of three classes come from steps, arguments and validators. */
function isOurText(value: unknown): boolean {
  const isTheirs = [UnrecoverableStepError, InvalidStepArgumentsError, HttpRequestError].some((type) =>
    isInstance(value, type),
  );
  return isInstance(value, SteppingError) && !isTheirs;
}
