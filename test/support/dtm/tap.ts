/** What came back, in one set of words for both protocols. */
export type Answer =
  | 'success'
  | 'failure'
  | 'ongoing'
  | 'unauthenticated'
  | 'invalid'
  | 'error'
  | 'unreachable'
  /** A status or code that none of the others stands for. */
  | `other ${number}`;

export interface Outgoing {
  /** HTTP: path and query; gRPC: the full method. */
  readonly path: string;
  /** Default: `POST`; gRPC knows nothing else. */
  readonly method?: string;
  /** HTTP headers or gRPC metadata, in lower case; several values of one name in their order. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly body?: Buffer;
  /** gRPC: milliseconds that the caller waits. */
  readonly deadline?: number;
}

/** A call that went through a tap. */
export interface Call extends Required<Omit<Outgoing, 'deadline'>> {
  /** `prepare`, `submit` or `abort` on the way to DTM; `step` or `query-prepared` on the way back. */
  readonly name: string;
  readonly gid: string;
  /** Empty on the way to DTM. */
  readonly branchId: string;
  readonly deadline: number | undefined;
  /** Milliseconds on the clock of `performance`. */
  readonly at: number;
  /** Undefined until the answer is there. */
  answer: Answer | undefined;
  /** Milliseconds until the answer. */
  took: number | undefined;
}

export interface Reply {
  readonly answer: Answer;
  /** HTTP: the body; gRPC: the details. */
  readonly text: string;
}

/** `cut` breaks the connection instead of going on. */
export type Interference = (call: Call) => unknown;

export interface Hooks {
  /** When the call has come, before it is passed on. */
  readonly before?: Interference;
  /** When the answer is there, before it is given back. */
  readonly after?: Interference;
}

/** Stands between an application and DTM, in one direction: writes down what passes, and can interfere. */
export abstract class Tap {
  /** The form that the protocol's options take. */
  abstract readonly address: string;
  readonly calls: Call[] = [];
  private readonly hooks = new Map<string, Hooks>();

  /** Interferes with the calls of one job. */
  on(gid: string, hooks: Hooks): void {
    this.hooks.set(gid, hooks);
  }

  of(gid: string, name?: string): Call[] {
    return this.calls.filter((call) => call.gid === gid && (name === undefined || call.name === name));
  }

  answers(gid: string, name: string): (Answer | undefined)[] {
    return this.of(gid, name).map(({ answer }) => answer);
  }

  /** Calls the target past DTM. */
  abstract send(request: Outgoing): Promise<Reply>;
  abstract close(): Promise<void>;

  /** @returns undefined where the connection is to be cut. */
  protected async pass<R extends Reply>(
    arrived: Omit<Call, 'at' | 'answer' | 'took'>,
    forward: () => Promise<R>,
  ): Promise<R | undefined> {
    const call: Call = { ...arrived, at: performance.now(), answer: undefined, took: undefined };
    this.calls.push(call);
    const hooks = this.hooks.get(call.gid);
    if ((await hooks?.before?.(call)) === 'cut') return undefined;
    const reply = await forward();
    call.answer = reply.answer;
    call.took = performance.now() - call.at;
    return (await hooks?.after?.(call)) === 'cut' || reply.answer === 'unreachable' ? undefined : reply;
  }
}
