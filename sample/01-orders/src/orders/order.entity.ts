import {
  Column,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';

@Entity('order_lines')
export class OrderLine {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Order, (order) => order.lines, { nullable: false })
  order!: Relation<Order>;

  @Column()
  sku!: string;

  @Column('integer')
  quantity!: number;

  @Column('integer')
  unitPriceCents!: number;
}

@Entity('orders')
export class Order {
  @PrimaryColumn()
  number!: string;

  @Column('datetime')
  orderedAt!: Date;

  @Column()
  customerName!: string;

  @Column()
  customerEmail!: string;

  @Column()
  street!: string;

  @Column()
  postalCode!: string;

  @Column()
  city!: string;

  /** ISO 3166-1, two letters. */
  @Column()
  country!: string;

  @Column('integer')
  totalCents!: number;

  @OneToMany(() => OrderLine, (line) => line.order, { cascade: true })
  lines!: OrderLine[];
}
