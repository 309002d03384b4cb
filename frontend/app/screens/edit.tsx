/** The one value of a refused action that can be put right here. */
import { useState } from "preact/hooks";
import { Modal } from "../../shared/components/dialog";
import { Field } from "../../shared/components/field";
import { t } from "../i18n";
import type { Payload, Row } from "../model";
import { SheetHead } from "../parts/sheet";
import type { Device } from "../store/device";
import { about, deed, orderOf, reason } from "../work/words";

type Kind = "number" | "decimal" | "text";

const FIELDS: Record<string, { name: string; kind: Kind; label: "edit.value" | "labor.minutes" | "edit.quantity" | "comment.label" | "report.what" | "sign.name" | "complete.note" }> = {
  "work_order.checklist.answer": { name: "value", kind: "text", label: "edit.value" },
  "work_order.labor.log": { name: "minutes", kind: "number", label: "labor.minutes" },
  "work_order.parts.consume": { name: "quantity", kind: "decimal", label: "edit.quantity" },
  "work_order.parts.return": { name: "quantity", kind: "decimal", label: "edit.quantity" },
  "work_order.comment.add": { name: "text", kind: "text", label: "comment.label" },
  "work_order.sign": { name: "name", kind: "text", label: "sign.name" },
  "work_order.complete": { name: "note", kind: "text", label: "complete.note" },
  "meter.reading.record": { name: "value", kind: "decimal", label: "edit.value" },
  "request.submit": { name: "title", kind: "text", label: "report.what" },
};

export const isEditable = (row: Row) => row.said.type in FIELDS && typeof row.payload[FIELDS[row.said.type]!.name] !== "boolean";

export function EditSheet({ row, device, onClose }: { row: Row; device: Device; onClose: () => void }) {
  const field = FIELDS[row.said.type]!;
  const item = orderOf(row, device)?.checklist.find((one) => one.item_id === row.payload["item_id"]);
  const [value, setValue] = useState(String(row.payload[field.name] ?? ""));
  const [error, setError] = useState("");
  const isNumber = field.kind !== "text" || item?.kind === "number" || item?.kind === "meter";
  const save = async (event: Event) => {
    event.preventDefault();
    const text = value.trim();
    const plain = text.replace(",", ".");
    if (!text || (isNumber && !Number.isFinite(Number(plain)))) return setError(isNumber ? t("number.bad") : t("edit.missing"));
    const put = field.kind === "decimal" ? plain : isNumber ? Number(plain) : text;
    if (await device.sayAgain(row, { ...row.payload, [field.name]: put } as Payload)) onClose();
  };
  return (
    <Modal kind="sheet" label={t("sync.edit")} onClose={onClose}>
      <SheetHead title={deed(row, device)} sub={about(row, device)} onClose={onClose} />
      <form class="sform" onSubmit={save}>
        <Field label={item?.text ?? t(field.label)} value={value} onText={setValue} error={error || undefined} hint={reason(row)} inputMode={isNumber ? "decimal" : "text"} />
        <button class="btn primary big wide">{t("edit.send")}</button>
      </form>
    </Modal>
  );
}
