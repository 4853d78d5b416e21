import type { InjectionToken, Provider } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { provide } from '../core/provide.js';
import { SteppingLifecycle } from '../stepping.lifecycle.js';
import { openersOf } from '../stepping.openers.js';
import { SteppingPreparation } from '../stepping.preparation.js';
import { TypeOrmDatabases } from '../transactions/typeorm-databases.js';
import { InboxPlace } from './inbox-place.js';
import { InboxRetention } from './inbox-retention.js';
import { Inbox } from './inbox.js';

/** What the inbox needs of the module's settings, complete and checked. */
export interface InboxSettings {
  /** The name of the `DataSource` of the marks. Undefined: the default one. */
  readonly dataSource?: string | undefined;
  /** Milliseconds. */
  readonly inboxRetention: number;
}

/** `Inbox` and what is behind it, for a module that provides `InboxSettings` under the token `settings`. */
export function inboxProviders(settings: InjectionToken): Provider[] {
  return [
    {
      provide: InboxPlace,
      useFactory: placeIn,
      inject: [ModuleRef, settings],
    },
    provide(Inbox, InboxPlace),
    {
      provide: InboxRetention,
      useFactory: (
        modules: ModulesContainer,
        moduleRef: ModuleRef,
        place: InboxPlace,
        { inboxRetention }: InboxSettings,
      ) => {
        const retention = new InboxRetention(place, inboxRetention);
        openersOf(modules).push(async () => {
          await place.openAtStart();
          moduleRef.get(SteppingLifecycle, { strict: false }).attach(retention);
        });
        return retention;
      },
      inject: [ModulesContainer, ModuleRef, InboxPlace, settings],
    },
  ];
}

function placeIn(moduleRef: ModuleRef, { dataSource, inboxRetention }: InboxSettings): InboxPlace {
  const application = {
    get databases() {
      return moduleRef.get(TypeOrmDatabases, { strict: false });
    },
    get readiness() {
      return moduleRef.get(SteppingPreparation, { strict: false });
    },
  };
  return new InboxPlace(application, dataSource, inboxRetention);
}
