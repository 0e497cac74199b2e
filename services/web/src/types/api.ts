// Written by `npm run types` from docs/openapi.json: do not edit.

export interface AccessToken {
  access_token: string;
  token_type?: "Bearer";
  expires_in: number;
}

export interface Act {
  id: number;
  at: string;
  user_id: string;
  user_name: string;
  action: string;
  subject: string;
  detail: Record<string, unknown> | null;
}

export interface Alert {
  id: string;
  rule: string;
  subject: string;
  detail: string;
  opened_at: string;
  seen_at: string;
  resolved_at: string | null;
}

export interface Alerts {
  looked_at: string | null;
  items: Alert[];
}

export interface Attempt {
  attempt: number;
  worker: string | null;
  started_at: string | null;
  finished_at: string;
  outcome: string;
  error: string | null;
}

export interface Audit {
  items: Act[];
  next_cursor: number | null;
}

export interface Batch {
  id: string;
  name: string;
  state: "open" | "succeeded" | "failed" | "cancelled";
  progress: number;
  total: number;
  pending: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  allow_failures: boolean;
  chain_id: string | null;
  created_at: string;
  finished_at: string | null;
  cancelled_at: string | null;
  cancelled_because: string | null;
}

export interface BatchDetail {
  id: string;
  name: string;
  state: "open" | "succeeded" | "failed" | "cancelled";
  progress: number;
  total: number;
  pending: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  allow_failures: boolean;
  chain_id: string | null;
  created_at: string;
  finished_at: string | null;
  cancelled_at: string | null;
  cancelled_because: string | null;
  members: Record<string, number>;
  callbacks: Record<string, Callback>;
}

export interface Batches {
  items: Batch[];
  next_cursor: string | null;
}

export interface Books {
  balanced: boolean;
  faults: string[];
}

export interface Callback {
  id: string;
  name: string;
  state: string;
}

export interface ChainLink {
  id: string;
  name: string;
  link: number;
  ended_reason: string | null;
}

export interface Credentials {
  email: string;
  password: string;
}

export interface Day {
  day: string;
  currency: string;
  orders: number;
  revenue: number;
  refunds: number;
  refunded: number;
}

export interface Days {
  items: Day[];
}

export interface Figures {
  window_seconds: number;
  covers_seconds: number;
  at_most: number;
  queues: QueueFigures[];
  jobs: JobFigures[];
}

export interface Job {
  id: string;
  name: string;
  queue: string;
  state: string;
  args: unknown;
  tags: string[];
  priority: number;
  attempt: number;
  failures: number;
  tries: number | null;
  lost: number;
  deferrals: number;
  progress: number | null;
  worker: string | null;
  reason: string | null;
  error: string | null;
  available_at: string;
  retry_until: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  chain_id: string | null;
  link: number | null;
  undo: string | null;
  batch_id: string | null;
  event_id: string | null;
  parent_id: string | null;
  aggregate_id: string | null;
  unique_key: string | null;
  serial_key: string | null;
}

export interface JobAttempt {
  attempt: number;
  worker: string | null;
  due_at: string | null;
  started_at: string | null;
  finished_at: string;
  outcome: string;
  error: string | null;
  detail: string | null;
}

export interface JobChain {
  id: string;
  name: string;
  created_at: string;
  ended_reason: string | null;
  undone_at: string | null;
  undone_by: string | null;
  links: Job[];
}

export interface JobDetail {
  id: string;
  name: string;
  queue: string;
  state: string;
  args: unknown;
  tags: string[];
  priority: number;
  attempt: number;
  failures: number;
  tries: number | null;
  lost: number;
  deferrals: number;
  progress: number | null;
  worker: string | null;
  reason: string | null;
  error: string | null;
  available_at: string;
  retry_until: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  chain_id: string | null;
  link: number | null;
  undo: string | null;
  batch_id: string | null;
  event_id: string | null;
  parent_id: string | null;
  aggregate_id: string | null;
  unique_key: string | null;
  serial_key: string | null;
  attempts: JobAttempt[];
  chain: JobChain | null;
  batch: Batch | null;
}

export interface JobFigures {
  name: string;
  waiting: number;
  delayed: number;
  aside: number;
  blocked: number;
  running: number;
  oldest_seconds: number | null;
  longest_seconds: number | null;
  attempts: number;
  succeeded: number;
  failed: number;
  lost: number;
  released: number;
  per_minute: number;
  failure_rate: number | null;
  wait: Percentiles | null;
  run: Percentiles | null;
}

export interface Jobs {
  items: Job[];
  next_cursor: string | null;
}

export interface Line {
  product_id: string;
  slug: string;
  names: Names;
  quantity: number;
  unit_price: number;
}

export interface Links {
  self: string;
  timeline: string;
  cancellation: string;
}

export interface Names {
  en: string;
  ar: string;
}

export interface Notification {
  id: string;
  kind: string;
  order_id: string;
  subject: string;
  body: string;
  created_at: string;
  read_at: string | null;
}

export interface Notifications {
  items: Notification[];
  next_cursor: string | null;
}

export interface Order {
  id: string;
  number: number;
  user_id: string;
  status: OrderStatus;
  reason: string | null;
  total: number;
  currency: string;
  payment_method: string;
  version: number;
  placed_at: string;
  expires_at: string | null;
  cancel_requested_at: string | null;
  items: Line[];
  payment: Payment | null;
  links: Links;
}

export type OrderStatus = "placed" | "reserved" | "confirmed" | "shipped" | "rejected" | "cancelled" | "expired";

export interface Orders {
  items: Order[];
  next_cursor: string | null;
}

export interface PageConfig {
  public_url: string;
  pusher: Pusher;
  demo: boolean;
  sandbox: string | null;
}

export interface Pause {
  paused_at: string;
  paused_by: string;
  reason: string;
}

export interface PauseQueue {
  reason: string;
}

export interface Payment {
  status: PaymentStatus;
  reason: string | null;
}

export type PaymentStatus = "pending" | "succeeded" | "declined" | "canceled" | "refunding" | "refunded";

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

export type PictureSize = "small" | "medium" | "large";

export interface Pictures {
  small: string;
  medium: string;
  large: string;
}

export interface PlaceOrder {
  items: WantedLine[];
  payment_method: string;
}

export interface Playback {
  url: string;
  mp4_url: string;
  poster_url: string | null;
  storyboard_url: string | null;
  expires_at: string;
}

export interface Product {
  id: string;
  slug: string;
  name: string;
  names: Names;
  price: number;
  currency: string;
  available: number;
  reserved: number;
  pictures: Pictures | null;
}

export interface Products {
  items: Product[];
}

export interface Pusher {
  key: string;
  host: string;
  port: number;
  scheme: "http" | "https";
}

export interface Queue {
  name: string;
  waiting: number;
  delayed: number;
  blocked: number;
  running: number;
  units: number;
  threads: number;
  paused: Pause | null;
}

export interface QueueFigures {
  name: string;
  waiting: number;
  delayed: number;
  aside: number;
  blocked: number;
  running: number;
  oldest_seconds: number | null;
  longest_seconds: number | null;
  attempts: number;
  succeeded: number;
  failed: number;
  lost: number;
  released: number;
  per_minute: number;
  failure_rate: number | null;
  wait: Percentiles | null;
  run: Percentiles | null;
  threads: number;
  paused: boolean;
}

export interface Queues {
  items: Queue[];
}

export interface RecordedEvent {
  id: string;
  position: number;
  name: string;
  version: number;
  aggregate: string;
  aggregate_id: string;
  aggregate_version: number;
  channels: string[];
  payload: Record<string, unknown>;
  job_id: string | null;
  parent_event_id: string | null;
  occurred_at: string;
}

export interface RecordedEvents {
  items: RecordedEvent[];
  next_cursor: number | null;
}

export interface Refusal {
  id: string;
  reason: string;
}

export interface Retried {
  retried: number;
  refused: Refusal[];
  next_cursor: string | null;
}

export interface Retry {
  attempt: number;
  next_at: string;
  reason: string;
}

export interface RetryJobs {
  name?: string | null;
  queue?: string | null;
  state?: ("failed" | "cancelled")[] | null;
  error?: string | null;
  tag?: string | null;
  older_than?: string | null;
  younger_than?: string | null;
  batch?: string | null;
  chain?: string | null;
  aggregate?: string | null;
  cursor?: string | null;
}

export interface SignedIn {
  access_token: string;
  token_type?: "Bearer";
  expires_in: number;
  user: User;
}

export interface SignedSignIn {
  auth: string;
  user_data: string;
}

export interface SignedSubscription {
  auth: string;
  channel_data: string;
  shared_secret?: string | null;
}

export interface Timeline {
  events: TimelineEvent[];
  jobs: TimelineJob[];
  notifications: TimelineNotification[];
}

export interface TimelineEvent {
  id: string;
  position: number | null;
  name: string;
  version: number;
  payload: Record<string, unknown>;
  job_id: string | null;
  parent_event_id: string | null;
  occurred_at: string;
}

export interface TimelineJob {
  id: string;
  name: string;
  queue: string;
  state: string;
  attempt: number;
  failures: number;
  tries: number | null;
  available_at: string;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  reason: string | null;
  error: string | null;
  event_id: string | null;
  chain: ChainLink | null;
  attempts: Attempt[];
}

export interface TimelineNotification {
  id: string;
  kind: string;
  channel: string;
  recipient: string;
  status: string;
  delivery: string | null;
  subject: string;
  created_at: string;
  sent_at: string | null;
}

export interface User {
  id: string;
  email: string;
  name: string;
  phone: string | null;
  locale: "en" | "ar";
  role: "customer" | "operator";
}

export interface Video {
  id: string;
  user_id: string;
  filename: string;
  status: VideoStatus | "retrying";
  progress: number;
  retry: Retry | null;
  code: string | null;
  reason: string | null;
  size: number;
  generation: number;
  duration: number | null;
  width: number | null;
  height: number | null;
  processed_url: string | null;
  poster_url: string | null;
  version: number;
  created_at: string;
  completed_at: string | null;
  links: VideoLinks;
}

export interface VideoLinks {
  self: string;
  cancellation: string;
  resubmission: string;
  playback: string;
}

export type VideoStatus = "uploading" | "uploaded" | "processing" | "completed" | "failed" | "rejected" | "cancelled";

export interface Videos {
  items: Video[];
  next_cursor: string | null;
}

export interface WantedLine {
  product_id: string;
  quantity: number;
}

export interface Fault {
  where: string;
  pointer: string;
  detail: string;
}

export interface ProblemDetails {
  type?: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: Fault[] | null;
}

export interface Subscription {
  socket_id: string;
  channel_name: string;
  last_event_ids?: Record<string, number | null>;
}

export interface SignIn {
  socket_id: string;
}
