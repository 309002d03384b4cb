import { useEffect, useState } from "preact/hooks";
import { Mark } from "../../../shared/components/mark";
import { toast } from "../../../shared/components/toast";
import { Modal } from "../../../shared/components/dialog";
import { count, t } from "../../i18n";
import type { Attachment } from "../../model";
import { NoHash, photoOf } from "../../parts/picture";
import { person } from "../../parts/row";
import { SheetHead } from "../../parts/sheet";
import type { Device } from "../../store/device";
import { photo } from "../../work/acts";
import type { Shown } from "../../work/overlay";

export function Photos({ order, device }: { order: Shown; device: Device }) {
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState<Attachment | null>(null);
  const photos = order.attachments.filter((file) => !file.voided);
  const waiting = photos.filter((file) => device.photosWaiting.value.has(file.sha256)).length;
  const add = async (files: FileList | null) => {
    setBusy(true);
    try {
      for (const file of files ?? []) {
        const made = await photoOf(file);
        if (!(await device.act([photo(order, made)], [made]))) break;
      }
    } catch (error) {
      toast({ text: error instanceof NoHash ? t("photo.insecure") : t("photo.unreadable") });
    } finally {
      setBusy(false);
    }
  };
  return (
    <section>
      <h2 class="sec">
        <b>{t("photos.title")}</b>
        <span class="n">{photos.length || ""}</span>
        {waiting > 0 && (
          <span class="push two">
            <span class="mk">
              <Mark name="t-pending" />
              {count("photos.waiting", waiting)}
            </span>
          </span>
        )}
      </h2>
      <div class="strip">
        {order.status !== "draft" && (
          <label class="add">
            <Mark name="i-cam" />
            {busy ? t("photo.busy") : t("photo.add")}
            <input class="hidden" type="file" accept="image/*" multiple onChange={(event) => add(event.currentTarget.files).then(() => undefined)} />
          </label>
        )}
        {photos.map((file) => (
          <button key={file.id} class="pic" onClick={() => setOpen(file)} aria-label={t("photo.by", { name: file.by ? person(device, file.by) : t("office") })}>
            <Picture device={device} sha={file.sha256} type={file.media_type} missing={file.available === false} />
            {device.photosWaiting.value.has(file.sha256) && (
              <span class="tagn">
                <Mark name="t-pending" label={t("row.unsent")} />
              </span>
            )}
          </button>
        ))}
      </div>
      {open && (
        <Modal kind="sheet" label={t("photo.one")} onClose={() => setOpen(null)}>
          <SheetHead title={t("photo.one")} sub={open.name} onClose={() => setOpen(null)} />
          <div class="big-pic">
            <Picture device={device} sha={open.sha256} type={open.media_type} missing={open.available === false} />
          </div>
        </Modal>
      )}
    </section>
  );
}

/** A picture from the device, or from the server once it is looked at. */
export function Picture({ device, sha, type, missing }: { device: Device; sha: string; type: string; missing?: boolean }) {
  const [url, setUrl] = useState("");
  const [gone, setGone] = useState(false);
  useEffect(() => {
    let made = "";
    let isLeft = false;
    device.photos.show(sha, type).then(
      (blob) => {
        if (isLeft) return;
        made = URL.createObjectURL(blob);
        setUrl(made);
      },
      () => !isLeft && setGone(true),
    );
    return () => {
      isLeft = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [device, sha, type]);
  if (gone || (missing && !url)) {
    return (
      <span class="nopic">
        <Mark name="i-cam" />
        {t("photo.missing")}
      </span>
    );
  }
  return url && type.startsWith("image/") ? <img src={url} alt="" /> : <span class="nopic" />;
}
