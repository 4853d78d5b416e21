import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

@Entity('webhook_deliveries')
export class WebhookDelivery {
  @PrimaryColumn()
  idempotencyKey!: string;

  @Column()
  event!: string;

  @Column()
  orderNumber!: string;

  @Column('integer')
  totalCents!: number;

  /** 1, and one more for each repetition. */
  @Column('integer')
  timesReceived!: number;

  @CreateDateColumn()
  receivedAt!: Date;
}
