import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A place in a carrier's van. No unique key forbids two for a parcel: that there is one is the step's doing. */
@Entity('bookings')
export class Booking {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  parcelNumber!: string;

  /** The process that made it. */
  @Column('integer')
  pid!: number;

  @Column('timestamptz', { default: () => 'clock_timestamp()' })
  bookedAt!: Date;
}
