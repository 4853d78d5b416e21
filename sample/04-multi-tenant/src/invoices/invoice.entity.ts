import { Column, Entity, PrimaryColumn } from 'typeorm';

/** In the database of its tenant. */
@Entity('invoices')
export class Invoice {
  @PrimaryColumn()
  number!: string;

  @Column()
  customer!: string;

  @Column('integer')
  totalCents!: number;
}
