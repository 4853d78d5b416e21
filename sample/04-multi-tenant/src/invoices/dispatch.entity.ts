import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An invoice that was sent. In the database of its tenant. */
@Entity('dispatches')
export class Dispatch {
  /** The idempotency key of the step that sent it. A repetition has the same key. */
  @PrimaryColumn()
  idempotencyKey!: string;

  @Column()
  invoiceNumber!: string;

  @Column()
  customer!: string;
}
