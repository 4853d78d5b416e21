/** The command line cannot be what was meant, or nothing can be done with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

/** The database cannot be reached, or the file that says where it is cannot be used. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code = 'CANNOT_CONNECT';
}

/** A person has said no. */
export class DeclinedError extends Error {
  override readonly name = 'DeclinedError';
  readonly code = 'DECLINED';
}
