import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** One run of the label printer, an entry in its log. */
@Entity('label_runs')
export class LabelRun {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  parcelNumber!: string;

  /** The same for every repetition of a step. The printer recognizes a repeated label by it. */
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
