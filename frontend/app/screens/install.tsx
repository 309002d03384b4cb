import { Modal } from "../../shared/components/dialog";
import { t } from "../i18n";
import { SheetHead } from "../parts/sheet";
import { tray } from "../parts/trays";

export function InstallSheet() {
  const close = () => {
    tray.value = null;
  };
  return (
    <Modal kind="sheet" label={t("install.title")} onClose={close}>
      <SheetHead title={t("install.title")} onClose={close} />
      <ol class="steps">
        <li>{t("install.1")}</li>
        <li>{t("install.2")}</li>
        <li>{t("install.3")}</li>
      </ol>
    </Modal>
  );
}
