import { messages } from '../state/language.ts';
import { dismiss, notices } from '../state/notices.ts';

/** What has just happened; read out when it comes. */
export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, kind, text, help }) => (
        <div key={id} class={`notice ${kind}`}>
          <div>
            <strong>{text}</strong>
            {help !== '' && <p>{help}</p>}
          </div>
          <button
            type="button"
            class="icon"
            aria-label={messages.value.shell.close}
            onClick={() => dismiss(id)}
          >
            <span aria-hidden="true">×</span>
          </button>
        </div>
      ))}
    </div>
  );
}
