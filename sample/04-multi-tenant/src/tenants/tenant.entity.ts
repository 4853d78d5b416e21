import { Column, Entity, PrimaryColumn } from 'typeorm';

/** In the central database. */
@Entity('tenants')
export class Tenant {
  @PrimaryColumn()
  name!: string;

  /** The sum of its invoices, for the fees of the platform. */
  @Column('integer', { default: 0 })
  turnoverCents!: number;
}
