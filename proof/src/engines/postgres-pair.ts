import { NetworkProxy } from '../proxy.js';
import type { Random } from '../random.js';
import { sleep } from '../wait.js';
import { PostgresNode } from './postgres-node.js';

/** A primary and a standby, whose places change. */
export class PostgresPair {
  private constructor(
    public primary: PostgresNode,
    public standby: PostgresNode,
    readonly proxy: NetworkProxy,
  ) {}

  static async start(): Promise<PostgresPair> {
    const nodes: PostgresNode[] = [];
    try {
      for (let count = 0; count < 2; count += 1) nodes.push(await PostgresNode.create());
      const [primary, standby] = nodes as [PostgresNode, PostgresNode];
      await primary.begin();
      await standby.follow(primary);
      await primary.waitsForStandby();
      return new PostgresPair(primary, standby, await NetworkProxy.start(primary.url));
    } catch (error) {
      for (const node of nodes) await node.remove();
      throw error;
    }
  }

  /** Replaces the primary until `ended()`, in turn by a crash and by a change of roles. Returns how often. */
  async disturb(random: Random, ended: () => boolean): Promise<number> {
    let times = 0;
    await sleep(random.whole(1000, 3000));
    while (!ended()) {
      if (times % 2 === 0) await this.crash(random);
      else await this.changeRoles(random);
      times += 1;
      await this.rebuild();
      await this.primary.waitsForStandby();
      await sleep(random.whole(1000, 5000));
    }
    return times;
  }

  /** The standby takes over from a primary that is killed. Some find it when it cannot write yet. */
  async crash(random: Random): Promise<void> {
    await this.primary.kill();
    this.proxy.redirect(this.standby.url);
    await sleep(random.whole(0, 1500));
    await this.standby.promote();
  }

  /** The old one is dead when it resolves. */
  private async changeRoles(random: Random): Promise<void> {
    await this.primary.becomeReadOnly();
    await sleep(random.whole(0, 1500));
    await this.standby.promote();
    this.proxy.redirect(this.standby.url);
    // Whoever is connected to the old primary has to leave it by himself.
    await sleep(random.whole(3000, 6000));
    await this.primary.kill();
  }

  /** After the standby has become a primary: the other one, which is dead, follows it. */
  async rebuild(): Promise<void> {
    [this.primary, this.standby] = [this.standby, this.primary];
    await this.standby.follow(this.primary);
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await Promise.all([this.primary.remove(), this.standby.remove()]);
  }
}
