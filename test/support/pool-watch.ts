import type { DataSource } from 'typeorm';

type Driver = Record<'disconnect' | 'obtainMasterConnection', (...args: unknown[]) => Promise<unknown>>;

/** Sees when a `DataSource` closes its pool, and who asks for a connection afterwards. */
export class PoolWatch {
  closed = false;
  /** The stacks of those who asked for a connection too late. */
  readonly tooLate: string[] = [];

  constructor({ driver }: DataSource) {
    const methods = driver as unknown as Driver;
    const { disconnect, obtainMasterConnection } = methods;
    methods.disconnect = (...args) => {
      this.closed = true;
      return disconnect.apply(driver, args);
    };
    methods.obtainMasterConnection = (...args) => {
      if (this.closed) this.tooLate.push(new Error('a connection').stack!);
      return obtainMasterConnection.apply(driver, args);
    };
  }
}
