/** What the gateway tells and what the views are given. Only read by the type checker. */

import type { TemplateResult } from "./vendor/lit-html/lit-html.js";

export type Value = number | boolean | null;
export type CommandState =
  | "queued"
  | "delivered"
  | "confirmed"
  | "overridden"
  | "superseded"
  | "rejected"
  | "expired"
  | "withdrawn";

export interface Command {
  id: string;
  point: string;
  value: number;
  state: CommandState;
  origin: string;
  queued_at: string;
  delivered_at: string | null;
  ended_at: string | null;
  read_by?: number[];
  reason: string | null;
  reason_code: string | null;
  reason_value: number | null;
  warning: string | null;
  /** Seconds of the page's own clock, if the end was seen while the page was open. */
  endSeenAt?: number | null;
  /** Seconds of the page's own clock. */
  takenAt: number;
}

export interface Reading {
  id: string;
  group: string;
  index: number[];
  point: string;
  address: number;
  value: Value;
  raw: number | null;
  quality: string;
  source: "bus" | "stored" | "never";
  stale: boolean;
  age_s: number | null;
  pending: Command | null;
  /** Seconds of the page's own clock. */
  receivedAt: number;
}

export interface Room {
  base_id: number;
  zone_id: number;
  name: string;
  floor: string;
  /** Null where the owner has given no order. */
  position: number | null;
  hidden: boolean;
  /** False for one whose device was deleted in Home Assistant. */
  in_home_assistant?: boolean;
}

/** What is to be said of a room; what is not given stays. */
export type RoomChange = Pick<Room, "base_id" | "zone_id"> & Partial<Room>;

export interface State {
  received: boolean;
  readings: Map<string, Reading>;
  /** What follows from readings, by its id. */
  derived: Map<string, Value>;
  commands: Map<string, Command>;
  /** First names, by "base.zone". */
  names: Map<string, string>;
  /** What the owner has said of rooms, by "base.zone"; null until the gateway has told it can keep it. */
  rooms: Map<string, Room> | null;
  status: Record<string, any>;
  /** Seconds of the page's own clock. */
  statusAt: Record<string, number>;
}

export interface Limits {
  low: number;
  high: number;
  step: number;
}

/** What is derived has no more than the first ones. */
export interface Point {
  key: string;
  label: string;
  kind: string;
  unit: string | null;
  device_class: string | null;
  writable?: boolean;
  limits?: Limits | null;
  options?: Record<string, string> | null;
  /** What it is for those who work with its meaning, null for what is only shown. */
  part?: string | null;
  /** The texts of its options begin with it. */
  vocabulary?: string;
}

export interface Group {
  key: string;
  label: string;
  axes: { name: string; low: number; high: number }[];
  rooms: boolean;
  exists_by: string | null;
  points: Point[];
  derived: Point[];
}

export interface Schema {
  version: string;
  groups: Group[];
  setpoint_limits: Record<string, Limits>;
  history?: { points_limit: number; max_points: number };
}

export interface Row {
  id: string;
  index: number[];
  readings: Record<string, Reading | undefined>;
  /** Whether the base has told of it, for rooms by the point that makes them exist. */
  exists: boolean;
}

export interface Edit {
  value: number;
  phase: "waiting" | "sending" | "failed";
  code: string | null;
  message: string | null;
  failedAt: number;
}

export interface Edits {
  get(point: string): Edit | undefined;
  set(point: string, value: number, options?: { delay_ms?: number }): void;
}

export type Samples = [number, number | null][];

export interface Trend {
  points: Samples;
  from_s: number;
  to_s: number;
}

export type Connection = "connecting" | "live" | "polling" | "cut_off" | "gateway_down";
export type Level = "ok" | "info" | "warning" | "error";

export interface Finding {
  level: Level;
  code: string;
  /** Keys of the texts. */
  title: string;
  help: string | null;
  parameters?: Record<string, unknown>;
  /** The gateway's own words. */
  detail?: string | null;
  /** What makes the cause a new one, so that a banner that was put away returns. */
  cause: string;
}

export interface Route {
  tab: string;
  room: string | null;
}

export interface Toast {
  text: string;
  parameters: Record<string, unknown>;
  commands: string[];
  until: number;
  failed?: boolean;
}

export interface Question {
  title: string;
  text: string;
  yes: string;
  parameters: Record<string, unknown>;
  onYes: () => void;
}

export interface Menu {
  point: string;
  label: string;
}

export interface Plot {
  series: { id: string; name: string; unit: string; points: Samples }[];
  bands: { id: string; name: string; text: (value: number | null) => string; kind: (value: number) => string; points: Samples }[];
  from_s: number;
  to_s: number;
}

export interface HistoryUi {
  points: string[] | null;
  span: string;
  /** Seconds; null where the span ends now. */
  zoom: { from_s: number; to_s: number } | null;
  search: string;
  answer: { from_s: number; to_s: number; series: Map<string, Samples> } | null;
  key: string;
  at: number;
  busy: boolean;
  failure: string | null;
}

export interface Ui {
  connection: Connection;
  connectionSince: number;
  route: Route;
  showUnused: boolean;
  search: string;
  order: string;
  compact: boolean;
  /** The causes of banners that were put away. */
  dismissed: Set<string>;
  toast: Toast | null;
  question: Question | null;
  menu: Menu | null;
  said: string;
  failedTab: string | null;
  history: HistoryUi;
  /** Rooms whose setpoint has moved while the page was open. */
  turned: Set<string>;
  day: { room: string; at: number; series: Map<string, Samples>; from_s: number; to_s: number; failure: string | null } | null;
  registers: { search: string; all: boolean; open: boolean };
  notice: { key: string; parameters: Record<string, unknown> } | null;
  recordFailed: boolean;
  /** A key that was made for programs and is kept nowhere. */
  newKey: string | null;
  roomFailure: string | null;
  setup: any;
  /** Open because nothing had been received, or because it was asked for on the Connection tab. */
  guide: "first" | "asked" | null;
  setupFailure: string | null;
}

export interface I18n {
  locale: string;
  fahrenheit: boolean;
  t(key: string, parameters?: object): string;
  has(key: string): boolean;
  /** Takes the words of what opens later. */
  learn(more: Record<string, string>): void;
  degrees(value: Value | undefined): string;
  temperature(value: Value | undefined): string;
  toShown(celsius: number): number;
  toCelsius(shown: number): number;
  percent(value: Value | undefined): string;
  count(value: number): string;
  number(value: number): string;
  age(age_s: number | null | undefined): string;
  time(iso: string | null | undefined): string;
  clock(at_s: number): string;
}

/** What a part of the page that is loaded later offers. */
export interface Part {
  view?(page: Page): TemplateResult;
  firstRun?(page: Page): TemplateResult;
  sheet?(page: Page, room: string): TemplateResult;
}

/** Everything a view needs; made anew for each drawing. */
export interface Page {
  state: State;
  schema: Schema;
  i18n: I18n;
  edits: Edits;
  now: number;
  ui: Ui;
  update(change: Partial<Ui>): void;
  actions: Actions;
  trends: { get(id: string): Trend | undefined };
  newest: Map<string, Command>;
  /** Whether this drawing is also of a room's card, which may be out of sight. */
  isDrawn(id: string): boolean;
  lazy: Record<string, Part | undefined>;
}

export type Actions = ReturnType<typeof import("./core/actions.js").createActions>;
