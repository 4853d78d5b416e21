import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { Message } from '../message.entity.js';

export interface MessageArguments {
  readonly text: string;
}

@Step({ name: 'deliver-message', transactional: true })
export class DeliverMessage implements StepHandler<MessageArguments> {
  async execute({ text }: MessageArguments, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.insert(Message, { text });
  }
}
