import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Space in a carrier's van. No unique key prevents two for a parcel; the transactional step does. */
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
