import { Mark } from "../../shared/components/mark";
import { t } from "../i18n";

/** Grab bar, title and a close button: a sheet never closes by swipe alone. */
export function SheetHead({ title, sub, onClose }: { title: string; sub?: string | undefined; onClose: () => void }) {
  return (
    <>
      <div class="grab" />
      <header class="th">
        <div>
          <h2>{title}</h2>
          {sub && <p class="n">{sub}</p>}
        </div>
        <button class="ib" aria-label={t("close")} onClick={onClose}>
          <Mark name="i-x" />
        </button>
      </header>
    </>
  );
}
