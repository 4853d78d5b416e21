import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An invoice that was sent. In the database of its tenant. */
@Entity('dispatches')
export class Dispatch {
  /** The key of the step that sent it: a repetition has the same. */
  @PrimaryColumn()
  idempotencyKey!: string;

  @Column()
  invoiceNumber!: string;

  @Column()
  customer!: string;
}
