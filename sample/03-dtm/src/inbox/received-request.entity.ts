import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A request that this service has received. */
@Entity('received_requests')
export class ReceivedRequest {
  @PrimaryColumn()
  idempotencyKey!: string;

  /** 1, and one more for each repetition. */
  @Column('integer')
  timesReceived!: number;

  @CreateDateColumn()
  receivedAt!: Date;
}
