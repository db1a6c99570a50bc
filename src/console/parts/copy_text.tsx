import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { Button } from './buttons.tsx';

/** A text to take elsewhere, such as a command or a token. */
export function CopyText({ text, label }: { readonly text: string; readonly label: string }) {
  const m = messages.value.shell;
  return (
    <div class="copy-text">
      <code>{text}</code>
      <Button
        label={`${m.copyText}: ${label}`}
        onPress={async () => {
          await navigator.clipboard.writeText(text);
          tell(m.copied);
        }}
      >
        {m.copyText}
      </Button>
    </div>
  );
}
