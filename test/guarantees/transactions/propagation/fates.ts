/**
 * What became of the order that a method wrote and of the job that it started. They share one fate, unless
 * the fate names one of them. `not called`: the library refused to call the method. `job refused`: Stepping refused
 * to start the job.
 */
export type Fate =
  | 'kept'
  | 'gone'
  | 'only the order'
  | 'only the job'
  | 'not called'
  | 'order kept, job refused'
  | 'order gone, job refused';

/** Of a method that is called with no transaction around: how it ends. */
export interface AloneFates {
  readonly returns: Fate;
  readonly throws: Fate;
}

/** Of a method that is called from another one with a transaction: how it ends, then how its caller ends. */
export interface InsideFates {
  readonly 'returns, the caller commits': Fate;
  readonly 'returns, the caller rolls back': Fate;
  readonly 'throws, the caller catches it and commits': Fate;
  readonly 'throws, the caller catches it and rolls back': Fate;
  readonly 'throws through the caller': Fate;
}

export interface PropagationFates {
  readonly alone: AloneFates;
  readonly inside: InsideFates;
  /** Why `inside` is not what the propagation's name says. */
  readonly because?: string;
  /** Given when the entry is not named after its propagation. */
  readonly propagation?: string;
  /** What the job is created with; left out: nothing. */
  readonly transaction?: 'none';
}

/** What the word for a propagation can mean. */
export const means = {
  itsOwnTransaction: { returns: 'kept', throws: 'gone' },
  noTransaction: { returns: 'kept', throws: 'kept' },
  notCalledAlone: { returns: 'not called', throws: 'not called' },
  joined: inside('kept', 'gone', 'kept', 'gone', 'gone'),
  savepoint: inside('kept', 'gone', 'gone', 'gone', 'gone'),
  separate: inside('kept', 'kept', 'gone', 'gone', 'gone'),
  suspended: inside('kept', 'kept', 'kept', 'kept', 'kept'),
  notCalled: inside('not called', 'not called', 'not called', 'not called', 'not called'),
  /** The library suspends the transaction, and the job still joins it. */
  jobJoined: inside('kept', 'only the order', 'kept', 'only the order', 'only the order'),
  /** The library takes the transaction for suspended; on one connection the order is still part of it. */
  orderJoined: inside('kept', 'only the job', 'kept', 'only the job', 'only the job'),
  /** The same, and the job would be part of it as well. */
  orderJoinedJobRefused: inside(
    'order kept, job refused',
    'order gone, job refused',
    'order kept, job refused',
    'order gone, job refused',
    'order gone, job refused',
  ),
} satisfies Record<string, AloneFates | InsideFates>;

function inside(...fates: [Fate, Fate, Fate, Fate, Fate]): InsideFates {
  return {
    'returns, the caller commits': fates[0],
    'returns, the caller rolls back': fates[1],
    'throws, the caller catches it and commits': fates[2],
    'throws, the caller catches it and rolls back': fates[3],
    'throws through the caller': fates[4],
  };
}

export const oneConnection = {
  savepoint: 'one connection has one transaction: a second one is a savepoint in it',
  joined: 'one connection: no statement stays out of its transaction',
} as const;
