import type { BackgroundService } from '../../../core/background-service.js';
import type { Payloads } from '../../../core/payloads/payloads.js';
import type { StepArgumentsSerializer } from '../../../core/steps/step-arguments.serializer.js';
import type { StepRegistry } from '../../../core/steps/step.registry.js';
import type { TypeOrmDatabases } from '../../../transactions/typeorm-databases.js';
import type { StorePlace } from '../process-share.js';
import type { OpenStore } from '../store-opener.js';
import { AuditLog } from './audit-log.js';
import { AuditRetention } from './audit-retention.js';
import { BulkSteering } from './bulk-steering.js';
import { JobSearch } from './job-search.js';
import { JobSteering, type SteeringWitness } from './job-steering.js';
import { SkippedSteps } from './skipped-steps.js';

export interface ManualSteeringServices {
  readonly payloads: Payloads;
  readonly registry: StepRegistry;
  readonly serializer: StepArgumentsSerializer;
  readonly databases: TypeOrmDatabases;
  readonly place?: StorePlace | undefined;
}

/** What is done to jobs by hand, what finds them, and what is noted of it. */
export class ManualSteering {
  readonly search: JobSearch;
  readonly jobs: JobSteering;
  readonly bulk: BulkSteering;
  readonly audit: AuditLog;
  readonly services: readonly BackgroundService[];

  constructor(
    { store, search, steering, audit, dataSource }: OpenStore,
    { payloads, registry, serializer, databases, place }: ManualSteeringServices,
    witness: SteeringWitness,
  ) {
    const skipped = new SkippedSteps(registry, databases, {
      dataSource,
      isOneOfSeveral: place !== undefined,
    });
    this.search = new JobSearch(store, search);
    this.jobs = new JobSteering(store, steering, payloads, registry, serializer, skipped, witness);
    this.bulk = new BulkSteering(steering, audit, this.search, payloads, witness);
    this.audit = new AuditLog(audit, payloads);
    this.services = [new AuditRetention(audit), this.bulk];
  }
}
