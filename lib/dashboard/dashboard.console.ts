import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import type { DashboardAction } from './api.js';
import { DashboardAnswers } from './dashboard.answers.js';
import { DashboardGate } from './dashboard.gate.js';
import { DashboardOperator } from './dashboard-operator.js';
import { DashboardReader } from './dashboard-reader.js';
import type { DashboardRequest, ResolvedDashboardOptions } from './dashboard.options.js';
import { FewLines } from './few-lines.js';
import { HttpRequest } from './http-request.js';
import { Mask } from './mask.js';
import type { Viewer } from './viewer.js';

interface Reading {
  readonly reader: DashboardReader;
  readonly query: Readonly<Record<string, unknown>>;
  readonly viewer: Viewer;
}

interface Acting {
  readonly operator: DashboardOperator;
  readonly body: unknown;
  readonly viewer: Viewer;
}

/** What the controller hands its requests to. */
export class DashboardConsole {
  readonly gate: DashboardGate;
  readonly answers: DashboardAnswers;
  private reader!: DashboardReader;
  private operator!: DashboardOperator;

  constructor(
    readonly options: ResolvedDashboardOptions,
    hasGuards: boolean,
  ) {
    const log = new FewLines();
    this.gate = new DashboardGate(options, hasGuards, log);
    this.answers = new DashboardAnswers(this.gate, log, new Mask(options.mask));
  }

  /** Called before the application listens, when all modules are made: any of them may import the library. */
  open(jobs: DistributedJobs, operations: SteppingOperations): void {
    this.reader = new DashboardReader(jobs, operations, this.options);
    this.operator = new DashboardOperator(jobs, operations, this.options);
  }

  read(
    original: DashboardRequest,
    response: unknown,
    work: (reading: Reading) => Promise<unknown>,
  ): Promise<void> {
    const request = new HttpRequest(original);
    const { reader } = this;
    return this.answers.read(request, response, (viewer) => work({ reader, query: request.query, viewer }));
  }

  /** @param action What the viewer must be allowed to do. */
  act(
    original: DashboardRequest,
    response: unknown,
    action: DashboardAction,
    work: (acting: Acting) => Promise<unknown>,
  ): Promise<void> {
    const { operator } = this;
    return this.answers.act(new HttpRequest(original), response, action, (body, viewer) =>
      work({ operator, body, viewer }),
    );
  }
}
