/** Generated from the commands' own schemas by `make docs`. Not to be edited. */

/** The payload of each command, by its type. */
export interface Commands {
  "asset.create": {
    id?: string | null;
    name: string;
    tag?: string | null;
    parent_id?: string | null;
    location?: string | null;
    criticality: "high" | "low" | "medium";
  };
  "asset.decommission": {
    asset_id: string;
    reason: string;
  };
  "asset.downtime.set": {
    asset_id: string;
    from: string;
    to?: string | null;
    cause: string;
  };
  "asset.update": {
    asset_id: string;
    name?: string;
    tag?: string | null;
    parent_id?: string | null;
    location?: string | null;
    criticality?: "high" | "low" | "medium";
  };
  "calendar.set": {
    id?: string | null;
    name: string;
    time_zone: string;
    holidays?: string[];
    working_hours?: {
      weekday: number;
      from: string;
      to: string;
    }[];
  };
  "meter.create": {
    id?: string | null;
    asset_id: string;
    name: string;
    unit: string;
    rollover_at?: number | string | null;
  };
  "meter.reading.record": {
    meter_id: string;
    value: string;
    read_at?: string | null;
    kind?: "reading" | "reset" | "rollover";
  };
  "notification.preferences.set": {
    quiet_hours?: {
      from: string;
      to: string;
    } | null;
    time_zone: string;
    digest: "daily" | "off";
    digest_at?: string;
    channels: ("email" | "in_app")[];
  };
  "part.adjust": {
    part_id: string;
    quantity: number | string;
    reason: string;
  };
  "part.create": {
    id?: string | null;
    name: string;
    number?: string | null;
    unit: string;
    unit_cost?: string | null;
    currency?: string | null;
  };
  "part.receive": {
    part_id: string;
    quantity: number | string;
    unit_cost?: string | null;
    currency?: string | null;
  };
  "plan.create": {
    name: string;
    trigger: {
      kind: "rrule";
      start_local: string;
      time_zone: string;
      basis?: "fixed" | "floating";
      ends_on?: string | null;
      count?: number | null;
      rrule: string;
    } | {
      kind: "interval";
      start_local: string;
      time_zone: string;
      basis?: "fixed" | "floating";
      ends_on?: string | null;
      count?: number | null;
      every: number;
      unit: "day" | "month" | "week" | "year";
    } | {
      kind: "meter";
      meter_id: string;
      every: number | string;
      start_value?: number | string | null;
      hysteresis?: number | string | null;
      ends_on?: string | null;
      count?: number | null;
    } | {
      kind: "first_of";
      time: {
        kind: "rrule";
        start_local: string;
        time_zone: string;
        basis?: "fixed" | "floating";
        ends_on?: string | null;
        count?: number | null;
        rrule: string;
      } | {
        kind: "interval";
        start_local: string;
        time_zone: string;
        basis?: "fixed" | "floating";
        ends_on?: string | null;
        count?: number | null;
        every: number;
        unit: "day" | "month" | "week" | "year";
      };
      meter: {
        kind: "meter";
        meter_id: string;
        every: number | string;
        start_value?: number | string | null;
        hysteresis?: number | string | null;
        ends_on?: string | null;
        count?: number | null;
      };
      ends_on?: string | null;
      count?: number | null;
    };
    targets: {
      asset_id: string;
    }[];
    per_target?: "one_order" | "route";
    template: {
      title: string;
      description?: string | null;
      type?: "calibration" | "corrective" | "inspection" | "preventive" | "safety";
      priority?: "critical" | "high" | "low" | "medium";
      checklist?: ({
        item_id?: string | null;
        text: string;
        kind: "check" | "meter" | "number" | "pass_fail" | "text";
        required?: boolean;
        unit?: string | null;
        min?: number | null;
        max?: number | null;
      })[];
      parts?: ({
        part_id: string;
        quantity: number | string;
      })[];
      assignee_ids?: string[];
      team_id?: string | null;
    };
    lead_time?: string | null;
    due_window?: string | null;
    seasons?: {
      from: string;
      to: string;
    }[];
    calendar_id?: string | null;
    on_holiday?: "after" | "before" | "keep" | "skip";
    skip_every?: number | null;
    open_policy?: "merge" | "skip" | "stack" | "supersede";
    catch_up?: "all" | "latest" | "none";
    id?: string | null;
  };
  "plan.end": {
    plan_id: string;
    reason: string;
  };
  "plan.occurrence.override": {
    plan_id: string;
    occurrence: string;
    action: "move" | "skip";
    to_local?: string | null;
    reason: string;
  };
  "plan.pause": {
    plan_id: string;
  };
  "plan.resume": {
    plan_id: string;
  };
  "plan.revise": {
    plan_id: string;
    patch: {
      name?: string;
      trigger?: {
        kind: "rrule";
        start_local: string;
        time_zone: string;
        basis?: "fixed" | "floating";
        ends_on?: string | null;
        count?: number | null;
        rrule: string;
      } | {
        kind: "interval";
        start_local: string;
        time_zone: string;
        basis?: "fixed" | "floating";
        ends_on?: string | null;
        count?: number | null;
        every: number;
        unit: "day" | "month" | "week" | "year";
      } | {
        kind: "meter";
        meter_id: string;
        every: number | string;
        start_value?: number | string | null;
        hysteresis?: number | string | null;
        ends_on?: string | null;
        count?: number | null;
      } | {
        kind: "first_of";
        time: {
          kind: "rrule";
          start_local: string;
          time_zone: string;
          basis?: "fixed" | "floating";
          ends_on?: string | null;
          count?: number | null;
          rrule: string;
        } | {
          kind: "interval";
          start_local: string;
          time_zone: string;
          basis?: "fixed" | "floating";
          ends_on?: string | null;
          count?: number | null;
          every: number;
          unit: "day" | "month" | "week" | "year";
        };
        meter: {
          kind: "meter";
          meter_id: string;
          every: number | string;
          start_value?: number | string | null;
          hysteresis?: number | string | null;
          ends_on?: string | null;
          count?: number | null;
        };
        ends_on?: string | null;
        count?: number | null;
      };
      targets?: {
        asset_id: string;
      }[];
      per_target?: "one_order" | "route";
      template?: {
        title: string;
        description?: string | null;
        type?: "calibration" | "corrective" | "inspection" | "preventive" | "safety";
        priority?: "critical" | "high" | "low" | "medium";
        checklist?: ({
          item_id?: string | null;
          text: string;
          kind: "check" | "meter" | "number" | "pass_fail" | "text";
          required?: boolean;
          unit?: string | null;
          min?: number | null;
          max?: number | null;
        })[];
        parts?: ({
          part_id: string;
          quantity: number | string;
        })[];
        assignee_ids?: string[];
        team_id?: string | null;
      };
      lead_time?: string | null;
      due_window?: string | null;
      seasons?: {
        from: string;
        to: string;
      }[];
      calendar_id?: string | null;
      on_holiday?: "after" | "before" | "keep" | "skip";
      skip_every?: number | null;
      open_policy?: "merge" | "skip" | "stack" | "supersede";
      catch_up?: "all" | "latest" | "none";
    };
    effective_from?: string | null;
  };
  "reminder.acknowledge": {
    work_order_id: string;
  };
  "reminder.policy.set": {
    id?: string | null;
    name: string;
    applies?: {
      types?: ("calibration" | "corrective" | "inspection" | "preventive" | "safety")[] | null;
      priorities?: ("critical" | "high" | "low" | "medium")[] | null;
    };
    before_due?: string[];
    overdue?: ({
      after: string;
      notify: string | string[];
      channels?: ("email" | "in_app" | "webhook")[];
    })[];
  };
  "reminder.snooze": {
    work_order_id: string;
    until: string;
  };
  "request.decide": {
    request_id: string;
    verdict: "accept" | "reject";
    reason?: string | null;
  };
  "request.submit": {
    id?: string | null;
    asset_id?: string | null;
    title: string;
    description?: string | null;
    contact?: string | null;
    attachments?: {
      sha256: string;
      size: number;
      media_type: string;
      name: string;
    }[];
  };
  "role.set": {
    name: string;
    description?: string;
    permissions: string[];
  };
  "sla.policy.set": {
    id?: string | null;
    name: string;
    applies?: {
      types?: ("calibration" | "corrective" | "inspection" | "preventive" | "safety")[] | null;
      priorities?: ("critical" | "high" | "low" | "medium")[] | null;
    };
    response?: string | null;
    resolve?: string | null;
    calendar_id?: string | null;
    pause_on?: ("access" | "approval" | "other" | "parts" | "weather")[];
    escalations?: ({
      trigger: "resolve" | "response";
      offset: string;
      notify: string | string[];
      channels?: ("email" | "in_app" | "webhook")[];
    })[];
  };
  "user.create": {
    id?: string | null;
    email: string;
    name: string;
    roles: string[];
  };
  "user.deactivate": {
    user_id: string;
    reason: string;
  };
  "user.update": {
    user_id: string;
    name?: string;
    roles?: string[];
    active?: boolean;
  };
  "webhook.set": {
    id?: string | null;
    url: string;
    events: string[];
    secret?: string | null;
    active?: boolean;
  };
  "work_order.approval.decide": {
    work_order_id: string;
    verdict: "approve" | "reject";
    note?: string | null;
  };
  "work_order.approval.request": {
    work_order_id: string;
    steps: ({
      approver_id?: string | null;
      role?: string | null;
    })[];
  };
  "work_order.assign": {
    work_order_id: string;
    assignee_ids?: string[];
    team_id?: string | null;
  };
  "work_order.attachment.add": {
    work_order_id: string;
    sha256: string;
    size: number;
    media_type: string;
    name: string;
  };
  "work_order.cancel": {
    work_order_id: string;
    reason: string;
  };
  "work_order.checklist.answer": {
    work_order_id: string;
    item_id: string;
    value: boolean | number | string;
    evidence_sha256?: string | null;
  };
  "work_order.close": {
    work_order_id: string;
  };
  "work_order.comment.add": {
    work_order_id: string;
    text: string;
    mentions?: string[];
  };
  "work_order.complete": {
    work_order_id: string;
    note?: string | null;
    failure_code?: string | null;
    cause_code?: string | null;
    remedy_code?: string | null;
  };
  "work_order.cost.add": {
    work_order_id: string;
    kind: "labor" | "other" | "parts" | "service";
    amount: string;
    currency: string;
    note?: string | null;
  };
  "work_order.create": {
    id?: string | null;
    title: string;
    description?: string | null;
    asset_id?: string | null;
    type: "calibration" | "corrective" | "inspection" | "preventive" | "safety";
    priority: "critical" | "high" | "low" | "medium";
    due_at?: string | null;
    assignee_ids?: string[];
    team_id?: string | null;
    checklist?: ({
      item_id?: string | null;
      text: string;
      kind: "check" | "meter" | "number" | "pass_fail" | "text";
      required?: boolean;
      unit?: string | null;
      min?: number | null;
      max?: number | null;
    })[];
    parts?: ({
      part_id: string;
      quantity: number | string;
    })[];
  };
  "work_order.entry.void": {
    work_order_id: string;
    entry_id: string;
    reason: string;
  };
  "work_order.hold": {
    work_order_id: string;
    reason: "access" | "approval" | "other" | "parts" | "weather";
    until?: string | null;
  };
  "work_order.labor.log": {
    work_order_id: string;
    minutes: number;
    worked_on: string;
    kind: "overtime" | "regular" | "travel";
    note?: string | null;
  };
  "work_order.parts.consume": {
    work_order_id: string;
    part_id: string;
    quantity: number | string;
  };
  "work_order.parts.return": {
    work_order_id: string;
    part_id: string;
    quantity: number | string;
  };
  "work_order.reopen": {
    work_order_id: string;
    reason: string;
  };
  "work_order.resume": {
    work_order_id: string;
  };
  "work_order.sign": {
    work_order_id: string;
    image_sha256: string;
    name: string;
  };
  "work_order.start": {
    work_order_id: string;
  };
  "work_order.update": {
    work_order_id: string;
    title?: string;
    description?: string | null;
    asset_id?: string | null;
    type?: "calibration" | "corrective" | "inspection" | "preventive" | "safety";
    priority?: "critical" | "high" | "low" | "medium";
    due_at?: string | null;
  };
}

export type CommandType = keyof Commands;
