import { formatBytes } from '../../base/units.ts';
import { messages } from '../state/language.ts';
import { cancelSending, type Sending, sending } from '../state/sending.ts';
import { Button } from './buttons.tsx';
import { useModal } from './modal.ts';

/** Shows how far files of this device are, over the page, as long as they are sent. */
export function SendingDialog() {
  const now = sending.value;
  return now === null ? null : <Now now={now} />;
}

function Now({ now: { files, bytes, sentFiles, sentBytes } }: { readonly now: Sending }) {
  const m = messages.value.upload;
  const { dialog, id } = useModal();
  const percent = Math.floor((bytes === 0 ? sentFiles / Math.max(files, 1) : sentBytes / bytes) * 100);
  return (
    // Escape ends nothing that took long to send.
    <dialog
      ref={dialog}
      class="dialog sending"
      aria-labelledby={id}
      onCancel={(event) => event.preventDefault()}
    >
      <h2 id={id}>{m.sending}</h2>
      <p class="sending-now">
        <strong data-sent={percent}>{`${percent} %`}</strong>
        <span>{m.sent(formatBytes(sentBytes), formatBytes(bytes))}</span>
        <span>{m.sentFiles(sentFiles, files)}</span>
      </p>
      <div
        class="progress"
        role="progressbar"
        aria-label={m.sending}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
      >
        <span class="durable" style={{ width: `${percent}%` }} />
      </div>
      <p class="help">{m.stay}</p>
      <div class="actions">
        <Button onPress={cancelSending}>{m.cancel}</Button>
      </div>
    </dialog>
  );
}
