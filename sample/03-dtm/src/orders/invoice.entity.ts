import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** No unique key prevents two invoices for an order. The step that writes it is transactional. */
@Entity('invoices')
export class Invoice {
  @PrimaryGeneratedColumn()
  number!: number;

  @Index()
  @Column()
  orderNumber!: string;

  @Column('integer')
  totalCents!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  issuedAt!: Date;
}
