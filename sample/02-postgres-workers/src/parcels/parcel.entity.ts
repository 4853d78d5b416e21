import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('parcels')
export class Parcel {
  @PrimaryColumn()
  number!: string;

  @Column()
  recipient!: string;

  @Column()
  city!: string;

  @Column('integer')
  grams!: number;

  /** By the database's clock, like all times of this sample. */
  @Column('timestamptz', { default: () => 'clock_timestamp()' })
  registeredAt!: Date;
}
