export { clientProxyTransport, type ClientProxyTransportOptions } from './client-proxy.transport.js';
export { EventOutbox, type PublishedEvent, type PublishOptions } from './event-outbox.js';
export type {
  ClientToken,
  ClientTransport,
  EventMessage,
  EventProblem,
  EventTransport,
} from './event-transport.js';
export type {
  SteppingEventsModuleAsyncOptions,
  SteppingEventsModuleOptions,
  SteppingEventsOptions,
} from './events.options.js';
export { Inbox, type Received, type ReceivedMessage } from './inbox.js';
export { messageIdOf } from './message-id.js';
export { mqttTransport, type MqttTransportOptions } from './mqtt.transport.js';
export { natsTransport, type NatsTransportOptions } from './nats.transport.js';
export type { PublishEventArguments } from './publish-event.arguments.js';
export { PublishEventStep } from './publish-event.step.js';
export { rmqTransport, type RmqTransportOptions } from './rmq.transport.js';
export { settleRmq, type RmqContextLike, type SettleRmqOptions } from './settle-rmq.js';
export { SteppingEventsModule } from './stepping-events.module.js';
