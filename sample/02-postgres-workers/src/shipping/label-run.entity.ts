import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** One time that the label printer ran: its own log book, so to speak. */
@Entity('label_runs')
export class LabelRun {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  parcelNumber!: string;

  /** The same for every repetition of a step: the printer knows a label again by it. */
  @Column()
  idempotencyKey!: string;

  @Column('integer')
  attempt!: number;

  /** The process that asked for it. */
  @Column('integer')
  pid!: number;

  @Column('timestamptz', { default: () => 'clock_timestamp()' })
  startedAt!: Date;

  @Column('timestamptz', { nullable: true })
  finishedAt!: Date | null;
}
