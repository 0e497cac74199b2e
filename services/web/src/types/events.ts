// Written by `npm run types` from docs/asyncapi.yaml: do not edit.

export interface JobChanged {
  id: string;
  name: string;
  queue: string;
  attempt: number;
  state: "succeeded" | "retrying" | "failed";
  about: string | null;
}

export interface NotificationSent {
  notification_id: string;
  order_id: string;
  user_id: string;
  order_version: number;
  kind: string;
  channel: "mail" | "sms" | "database";
  recipient: string;
  subject: string;
  event_id: number;
}

export interface NotificationStored {
  id: string;
  type: string;
  user_id: string;
  kind: string;
  about: string;
  subject: string;
  body: string;
  event_id: number;
}

export interface OrderCancellationRequested {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderCancelled {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderConfirmed {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderExpired {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderLine {
  product_id: string;
  slug: string;
  name_en: string;
  name_ar: string;
  quantity: number;
  unit_price: number;
}

export interface OrderPlaced {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderRejected {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderShipped {
  order: OrderSnapshot;
  event_id: number;
}

export interface OrderSnapshot {
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
  items: OrderLine[];
}

export type OrderStatus = "placed" | "reserved" | "confirmed" | "shipped" | "rejected" | "cancelled" | "expired";

export interface PaymentRefunded {
  order: OrderSnapshot;
  amount: number;
  event_id: number;
}

export interface StockChanged {
  product_id: string;
  available: number;
}

export interface StockReserved {
  order: OrderSnapshot;
  event_id: number;
}

export interface VideoCancelled {
  video: VideoSnapshot;
  event_id: number;
}

export interface VideoDeleted {
  video: VideoSnapshot;
  event_id: number;
}

export interface VideoFailed {
  video: VideoSnapshot;
  event_id: number;
}

export interface VideoProcessed {
  video: VideoSnapshot;
  event_id: number;
}

export interface VideoProgressed {
  video_id: string;
  user_id: string;
  percent: number;
}

export interface VideoRejected {
  video: VideoSnapshot;
  event_id: number;
}

export interface VideoResubmitted {
  video: VideoSnapshot;
  event_id: number;
}

export interface VideoSnapshot {
  id: string;
  user_id: string;
  filename: string;
  status: VideoStatus;
  code: string | null;
  reason: string | null;
  size: number;
  generation: number;
  duration: number | null;
  width: number | null;
  height: number | null;
  processed_url: string | null;
  version: number;
  created_at: string;
}

export type VideoStatus = "uploading" | "uploaded" | "processing" | "completed" | "failed" | "rejected" | "cancelled";

export interface VideoUploaded {
  video: VideoSnapshot;
  event_id: number;
}

export interface Position {
  position: number;
}

export type ResumeFailed = Record<string, unknown>;
