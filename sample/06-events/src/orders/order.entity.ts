import {
  Column,
  CreateDateColumn,
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

  @Column()
  customerName!: string;

  @Column()
  customerEmail!: string;

  @Column('integer')
  totalCents!: number;

  @CreateDateColumn()
  placedAt!: Date;

  @OneToMany(() => OrderLine, (line) => line.order, { cascade: true })
  lines!: OrderLine[];
}
